// ConvNeXt's layer, and how it is computed.
#pragma once
#include "features.h"
#include "product.h"
#include "team.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace convnext_fusion {

// The side of the depthwise convolution's filter.
constexpr int kFilter = 7;

struct Block {
  // [panels][kFilter * kFilter][kPanel]
  const float* filter;
  const float* filter_bias;
  const float* norm_weight;
  const float* norm_bias;
  float epsilon;
  Layer spread, gather;
  Activation activation;
};

// What a block has besides weights, an operation's attributes.
struct BlockOptions {
  float epsilon;
  Activation activation;

  // Fails, too, where this processor cannot compute a block.
  tensorflow::Status Read(tensorflow::OpKernelConstruction* construction);
};

// Inputs that hold a block's weights, from a first one on.
constexpr int kBlockInputs = 8;

// A block for features of so many channels.
tensorflow::Status ReadBlock(tensorflow::OpKernelContext* context, int first,
                             int64_t channels, const BlockOptions& options,
                             Block* block);

// Where to: as many values as the features have, elsewhere.
void ComputeBlock(Team& team, const Block& block, const Features& features,
                  float* to);

// How many arithmetic operations that takes.
double Operations(const Block& block, const Features& features);

}  // namespace convnext_fusion

// ConvNeXt's layer in one operation: depthwise convolution, LayerNorm, pointwise
// product, activation, pointwise product, residual. Four times the channels
// never go to memory where there are many rows, and weights lie in the order in
// which they are read.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "product.h"
#include "processor.h"
#include "team.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "thread_memory.h"

namespace convnext_fusion {

namespace tf = tensorflow;

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

// The functions of layer_rows.h for one kind of processor.
struct Kernels {
  int64_t lanes, tile;
  Rows (*in_tiles)(float*, int64_t);
  void (*mix)(const Block&, const float*, int64_t, int64_t, int64_t, float*,
              float*);
  void (*enter)(const Block&, const float*, int64_t, float*, const Rows&);
  void (*multiply)(const Product&, int64_t, int64_t, int64_t);
};

#define PROCESSOR_CODE "layer_rows.h"
#include "for_each_processor.h"

const Kernels* ProcessorKernels() {
  return Supported(&avx512::kKernels, &avx2::kKernels);
}

// Rows that a thread takes all the way through: with what it makes of them they
// lie in a processor's second cache.
constexpr int64_t kGroup = 14 * 14;
// Hidden channels that a group of rows has at once.
constexpr int64_t kChunk = 8 * kPanel;

// What LayerNorm and the first product leave of some rows, in this thread's
// memory.
struct Scratch {
  Scratch(const Kernels& kernels, int64_t rows, int64_t channels,
          int64_t hidden) {
    normal = kernels.in_tiles(nullptr, channels);
    spread = kernels.in_tiles(nullptr, hidden);
    const int64_t tiles = (rows + kernels.tile - 1) / kernels.tile;
    normal.at = ThreadMemory(tiles * (normal.tile + spread.tile));
    spread.at = normal.at + tiles * normal.tile;
  }

  Rows normal, spread;
};

REGISTER_OP("ConvNextFusionLayer")
    .Input("features: float")
    .Input("filter_packed: float")
    .Input("filter_bias: float")
    .Input("norm_weight: float")
    .Input("norm_bias: float")
    .Input("spread_packed: float")
    .Input("spread_bias: float")
    .Input("gather_packed: float")
    .Input("gather_bias: float")
    .Output("result: float")
    .Attr("epsilon: float")
    .Attr("activation: string")
    .SetShapeFn(tf::shape_inference::UnchangedShape);

class LayerOperation : public tf::OpKernel {
 public:
  explicit LayerOperation(tf::OpKernelConstruction* construction)
      : OpKernel(construction), kernels_(ProcessorKernels()) {
    std::string activation;
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(construction,
                   construction->GetAttr("activation", &activation));
    OP_REQUIRES(construction, kernels_ != nullptr,
                tf::errors::Unimplemented("needs AVX2"));
    OP_REQUIRES(construction, activation == "gelu" || activation == "relu",
                tf::errors::InvalidArgument("activation ", activation));
    activation_ =
        activation == "gelu" ? Activation::kGelu : Activation::kRelu;
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor& features = context->input(0);
    OP_REQUIRES(context, features.dims() == 4,
                tf::errors::InvalidArgument("features must have 4 axes"));
    const int64_t channels = features.dim_size(3);
    const int64_t hidden = context->input(6).NumElements();
    auto values = [&](int i) { return context->input(i).flat<float>().data(); };
    const Block block = {values(1),
                         values(2),
                         values(3),
                         values(4),
                         epsilon_,
                         Layer::Packed(channels, hidden, values(5), values(6)),
                         Layer::Packed(hidden, channels, values(7), values(8)),
                         activation_};
    auto has = [&](int i, int64_t count) {
      return context->input(i).NumElements() == count;
    };
    const bool fits =
        has(1, Panels(channels) * kFilter * kFilter * kPanel) &&
        has(2, channels) && has(3, channels) && has(4, channels) &&
        has(5, Panels(hidden) * channels * kPanel) &&
        has(7, Panels(channels) * hidden * kPanel) && has(8, channels);
    OP_REQUIRES(context, fits,
                tf::errors::InvalidArgument("weights do not fit ", channels,
                                            " channels, ", hidden, " hidden"));
    tf::Tensor* result = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, features.shape(),
                                                     &result));
    if (features.NumElements() == 0) return;
    const int64_t rows = features.NumElements() / channels;
    float* to = result->flat<float>().data();
    Team team(context, 4.0 * rows * channels * hidden);
    Mix(team, block, features, to);
    if (rows >= 2 * kGroup * team.threads()) {
      RunInGroups(team, block, values(0), rows, to);
    } else {
      RunInPanels(team, block, values(0), rows, to);
    }
  }

 private:
  void Mix(Team& team, const Block& block, const tf::Tensor& features,
           float* to) {
    const int64_t height = features.dim_size(1), width = features.dim_size(2),
                  channels = features.dim_size(3);
    const float* from = features.flat<float>().data();
    const int64_t parts = (channels + kernels_->lanes - 1) / kernels_->lanes;
    team.Run(features.dim_size(0) * parts, [&](int64_t part) {
      float* around = ThreadMemory((height + kFilter - 1) *
                                   (width + kFilter - 1) * kernels_->lanes);
      const int64_t image = part / parts * height * width * channels;
      kernels_->mix(block, from + image, height, width,
                    part % parts * kernels_->lanes, around, to + image);
    });
  }

  // A thread takes rows all the way through, some hidden channels at a time.
  void RunInGroups(Team& team, const Block& block, const float* residual,
                   int64_t rows, float* to) {
    const int64_t channels = block.spread.in, hidden = block.spread.out;
    const int64_t group = kGroup / kernels_->tile * kernels_->tile;
    team.Run((rows + group - 1) / group, [&](int64_t part) {
      Scratch scratch(*kernels_, group, channels, kChunk);
      const int64_t offset = part * group * channels;
      const int64_t count = std::min(group, rows - part * group);
      const Rows result = RowByRow(to + offset, channels);
      kernels_->enter(block, residual + offset, count, to + offset,
                      scratch.normal);
      for (int64_t first = 0; first < hidden; first += kChunk) {
        const int64_t last = std::min(first + kChunk, hidden);
        kernels_->multiply({&block.spread, 0, channels, scratch.normal,
                            scratch.spread, false, block.activation},
                           count, first / kPanel, Panels(last));
        kernels_->multiply({&block.gather, first, last, scratch.spread, result,
                            true, Activation::kNone},
                           count, 0, Panels(channels));
      }
    });
  }

  // Too few rows to part among threads: they part the weights instead.
  void RunInPanels(Team& team, const Block& block, const float* residual,
                   int64_t rows, float* to) {
    const int64_t channels = block.spread.in, hidden = block.spread.out;
    Scratch scratch(*kernels_, rows, channels, hidden);
    const int64_t tile = kernels_->tile, lanes = kernels_->lanes;
    team.Run((rows + tile - 1) / tile, [&](int64_t part) {
      const int64_t offset = part * tile * channels;
      kernels_->enter(block, residual + offset,
                      std::min(tile, rows - part * tile), to + offset,
                      scratch.normal.From(part, 0));
    });
    team.Run(Panels(hidden), [&](int64_t panel) {
      kernels_->multiply({&block.spread, 0, channels, scratch.normal,
                          scratch.spread.From(0, panel * kPanel / lanes), false,
                          block.activation},
                         rows, panel, panel + 1);
    });
    const Rows result = RowByRow(to, channels);
    team.Run(Panels(channels), [&](int64_t panel) {
      kernels_->multiply({&block.gather, 0, hidden, scratch.spread,
                          result.From(0, panel * kPanel / lanes), true,
                          Activation::kNone},
                         rows, panel, panel + 1);
    });
  }

  Rows RowByRow(float* to, int64_t channels) const {
    return {to, kernels_->lanes, channels, kernels_->tile * channels};
  }

  const Kernels* kernels_;
  float epsilon_;
  Activation activation_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionLayer").Device(tf::DEVICE_CPU),
                        LayerOperation);

}  // namespace convnext_fusion

// ConvNeXt's layer in one operation: depthwise convolution, LayerNorm, pointwise
// product, activation, pointwise product, residual. Four times the channels
// never go to memory where there are many rows, and weights lie in the order in
// which they are read.
#include "layer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "processor.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "thread_memory.h"

namespace convnext_fusion {

namespace tf = tensorflow;

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

// One block for some features.
class Computation {
 public:
  Computation(Team& team, const Block& block, const Features& features,
              float* to)
      : team_(team), block_(block), features_(features), to_(to) {}

  void Run() {
    Mix();
    if (features_.rows() >= 2 * kGroup * team_.threads()) {
      RunInGroups();
    } else {
      RunInPanels();
    }
  }

 private:
  void Mix() {
    const auto [from, images, height, width, channels] = features_;
    const int64_t lanes = kernels_.lanes;
    const int64_t parts = (channels + lanes - 1) / lanes;
    team_.Run(images * parts, [&](int64_t part) {
      float* around = ThreadMemory((height + kFilter - 1) *
                                   (width + kFilter - 1) * lanes);
      const int64_t image = part / parts * height * width * channels;
      kernels_.mix(block_, from + image, height, width, part % parts * lanes,
                   around, to_ + image);
    });
  }

  // A thread takes rows all the way through, some hidden channels at a time.
  void RunInGroups() {
    const int64_t channels = block_.spread.in, hidden = block_.spread.out;
    const int64_t group = kGroup / kernels_.tile * kernels_.tile;
    const int64_t rows = features_.rows();
    team_.Run((rows + group - 1) / group, [&](int64_t part) {
      Scratch scratch(kernels_, group, channels, kChunk);
      const int64_t offset = part * group * channels;
      const int64_t count = std::min(group, rows - part * group);
      const Rows result = RowByRow(to_ + offset);
      kernels_.enter(block_, features_.at + offset, count, to_ + offset,
                     scratch.normal);
      for (int64_t first = 0; first < hidden; first += kChunk) {
        const int64_t last = std::min(first + kChunk, hidden);
        kernels_.multiply({&block_.spread, 0, channels, scratch.normal,
                           scratch.spread, false, block_.activation},
                          count, first / kPanel, Panels(last));
        kernels_.multiply({&block_.gather, first, last, scratch.spread, result,
                           true, Activation::kNone},
                          count, 0, Panels(channels));
      }
    });
  }

  // Too few rows to part among threads: they part the weights instead.
  void RunInPanels() {
    const int64_t channels = block_.spread.in, hidden = block_.spread.out;
    const int64_t rows = features_.rows();
    Scratch scratch(kernels_, rows, channels, hidden);
    const int64_t tile = kernels_.tile, lanes = kernels_.lanes;
    team_.Run((rows + tile - 1) / tile, [&](int64_t part) {
      const int64_t offset = part * tile * channels;
      kernels_.enter(block_, features_.at + offset,
                     std::min(tile, rows - part * tile), to_ + offset,
                     scratch.normal.From(part, 0));
    });
    team_.Run(Panels(hidden), [&](int64_t panel) {
      kernels_.multiply({&block_.spread, 0, channels, scratch.normal,
                         scratch.spread.From(0, panel * kPanel / lanes), false,
                         block_.activation},
                        rows, panel, panel + 1);
    });
    const Rows result = RowByRow(to_);
    team_.Run(Panels(channels), [&](int64_t panel) {
      kernels_.multiply({&block_.gather, 0, hidden, scratch.spread,
                         result.From(0, panel * kPanel / lanes), true,
                         Activation::kNone},
                        rows, panel, panel + 1);
    });
  }

  Rows RowByRow(float* to) const {
    const int64_t channels = features_.channels;
    return {to, kernels_.lanes, channels, kernels_.tile * channels};
  }

  Team& team_;
  const Block& block_;
  const Features& features_;
  float* to_;
  const Kernels& kernels_ = *ProcessorKernels();
};

void ComputeBlock(Team& team, const Block& block, const Features& features,
                  float* to) {
  Computation(team, block, features, to).Run();
}

double Operations(const Block& block, const Features& features) {
  return 4.0 * features.rows() * block.spread.in * block.spread.out;
}

tf::Status BlockOptions::Read(tf::OpKernelConstruction* construction) {
  if (ProcessorKernels() == nullptr) {
    return tf::errors::Unimplemented("needs AVX2");
  }
  std::string name;
  TF_RETURN_IF_ERROR(construction->GetAttr("epsilon", &epsilon));
  TF_RETURN_IF_ERROR(construction->GetAttr("activation", &name));
  if (name != "gelu" && name != "relu") {
    return tf::errors::InvalidArgument("activation ", name);
  }
  activation = name == "gelu" ? Activation::kGelu : Activation::kRelu;
  return tf::OkStatus();
}

tf::Status ReadBlock(tf::OpKernelContext* context, int first, int64_t channels,
                     const BlockOptions& options, Block* block) {
  auto values = [&](int i) {
    return context->input(first + i).flat<float>().data();
  };
  auto has = [&](int i, int64_t count) {
    return context->input(first + i).NumElements() == count;
  };
  const int64_t hidden = context->input(first + 5).NumElements();
  const bool fits = has(0, Panels(channels) * kFilter * kFilter * kPanel) &&
                    has(1, channels) && has(2, channels) && has(3, channels) &&
                    has(4, Panels(hidden) * channels * kPanel) &&
                    has(6, Panels(channels) * hidden * kPanel) &&
                    has(7, channels);
  if (!fits) {
    return tf::errors::InvalidArgument("weights do not fit ", channels,
                                       " channels, ", hidden, " hidden");
  }
  *block = {values(0),
            values(1),
            values(2),
            values(3),
            options.epsilon,
            Layer::Packed(channels, hidden, values(4), values(5)),
            Layer::Packed(hidden, channels, values(6), values(7)),
            options.activation};
  return tf::OkStatus();
}

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
      : OpKernel(construction) {
    OP_REQUIRES_OK(construction, options_.Read(construction));
  }

  void Compute(tf::OpKernelContext* context) override {
    Features features;
    OP_REQUIRES_OK(context, ReadFeatures(context, &features));
    Block block;
    OP_REQUIRES_OK(context, ReadBlock(context, 1, features.channels, options_,
                                      &block));
    tf::Tensor* result = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(0, context->input(0).shape(),
                                            &result));
    if (result->NumElements() == 0) return;
    Team team(context, Operations(block, features));
    ComputeBlock(team, block, features, result->flat<float>().data());
  }

 private:
  BlockOptions options_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionLayer").Device(tf::DEVICE_CPU),
                        LayerOperation);

}  // namespace convnext_fusion

// What follows the depthwise convolution in ConvNeXt's block, in one operation:
// LayerNorm, pointwise product, activation, pointwise product, residual. Four
// times the channels never go to memory where there are many rows, and weights
// lie in the order in which they are read.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "processor.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

namespace convnext_fusion {

namespace tf = tensorflow;

// Columns of a matrix that are packed together: a divisor of ConvNeXt's widths.
constexpr int64_t kPanel = 12;

enum class Activation { kNone, kGelu, kRelu };

// A pointwise product: packed is [panels][in][kPanel].
struct Layer {
  int64_t in, out;
  const float* packed;
  const float* bias;
  int64_t panels() const { return (out + kPanel - 1) / kPanel; }
};

struct Block {
  const float* norm_weight;
  const float* norm_bias;
  float epsilon;
  Layer spread, gather;
  Activation activation;
};

// The functions of block_rows.h for one kind of processor.
struct Kernels {
  int64_t tile;
  void (*enter)(const Block&, const float*, int64_t, float*);
  void (*product)(const float*, int64_t, const Layer&, int64_t, int64_t,
                  Activation, float*);
  void (*leave)(const Block&, const float*, const float*, int64_t, int64_t,
                int64_t, float*);
};

#define PROCESSOR_CODE "block_rows.h"
#include "for_each_processor.h"

const Kernels* ProcessorKernels() {
  return Supported(&avx512::kKernels, &avx2::kKernels);
}

// Values of the widest layer that a group of rows may have: half of a small
// processor's second cache.
constexpr int64_t kGroupValues = 192 * 1024;

REGISTER_OP("ConvNextFusionPack")
    .Input("weight: float")
    .Output("packed: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Pack : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor& weight = context->input(0);
    OP_REQUIRES(context, weight.dims() == 2,
                tf::errors::InvalidArgument("weight must be a matrix"));
    const int64_t in = weight.dim_size(0), out = weight.dim_size(1);
    const int64_t panels = (out + kPanel - 1) / kPanel;
    tf::Tensor* packed = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, tf::TensorShape({panels, in, kPanel}),
                                &packed));
    const float* from = weight.flat<float>().data();
    float* to = packed->flat<float>().data();
    for (int64_t panel = 0; panel < panels; panel++) {
      const int64_t first = panel * kPanel;
      const int64_t width = std::min(kPanel, out - first);
      for (int64_t k = 0; k < in; k++, to += kPanel) {
        std::copy_n(from + k * out + first, width, to);
        std::fill(to + width, to + kPanel, 0.0f);
      }
    }
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionPack").Device(tf::DEVICE_CPU),
                        Pack);

REGISTER_OP("ConvNextFusionBlock")
    .Input("features: float")
    .Input("norm_weight: float")
    .Input("norm_bias: float")
    .Input("spread_packed: float")
    .Input("spread_bias: float")
    .Input("gather_packed: float")
    .Input("gather_bias: float")
    .Input("residual: float")
    .Output("result: float")
    .Attr("epsilon: float")
    .Attr("activation: string")
    .SetShapeFn(tf::shape_inference::UnchangedShape);

class BlockOperation : public tf::OpKernel {
 public:
  explicit BlockOperation(tf::OpKernelConstruction* construction)
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
    const tf::Tensor& residual = context->input(7);
    OP_REQUIRES(context,
                features.dims() > 0 && features.shape() == residual.shape(),
                tf::errors::InvalidArgument("features and residual differ"));
    const int64_t channels = features.dim_size(features.dims() - 1);
    const int64_t hidden = context->input(4).NumElements();
    auto values = [&](int i) { return context->input(i).flat<float>().data(); };
    const Block block = {values(1),
                         values(2),
                         epsilon_,
                         {channels, hidden, values(3), values(4)},
                         {hidden, channels, values(5), values(6)},
                         activation_};
    const bool fits =
        context->input(1).NumElements() == channels &&
        context->input(2).NumElements() == channels &&
        context->input(6).NumElements() == channels &&
        context->input(3).NumElements() ==
            block.spread.panels() * channels * kPanel &&
        context->input(5).NumElements() ==
            block.gather.panels() * hidden * kPanel;
    OP_REQUIRES(context, fits,
                tf::errors::InvalidArgument("weights do not fit ", channels,
                                            " channels, ", hidden, " hidden"));
    tf::Tensor* result = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, features.shape(),
                                                     &result));
    if (features.NumElements() == 0) return;
    Run(context, block, values(0), values(7), features.NumElements() / channels,
        result->flat<float>().data());
  }

 private:
  void Run(tf::OpKernelContext* context, const Block& block, const float* from,
           const float* residual, int64_t rows, float* to) {
    const int64_t threads = Workers(context)->num_threads;
    const int64_t tile = kernels_->tile;
    const int64_t largest =
        std::max<int64_t>(1, kGroupValues / block.spread.out / tile) * tile;
    // As many groups for each thread, as large as may be, in whole tiles.
    const int64_t turns = (rows + threads * largest - 1) / (threads * largest);
    const int64_t even = (rows + threads * turns - 1) / (threads * turns);
    const int64_t group = (even + tile - 1) / tile * tile;
    if (even * 8 >= largest * 5 && even * 8 >= group * 7) {
      RunInGroups(context, block, from, residual, rows, group, to);
    } else {
      RunInPanels(context, block, from, residual, rows, largest, to);
    }
  }

  // Each thread takes rows all the way through.
  void RunInGroups(tf::OpKernelContext* context, const Block& block,
                   const float* from, const float* residual, int64_t rows,
                   int64_t group, float* to) {
    const int64_t channels = block.spread.in, hidden = block.spread.out;
    Shard(context, (rows + group - 1) / group,
          2 * group * channels * hidden, [&](int64_t begin, int64_t end) {
            std::unique_ptr<float[]> scratch(
                new float[group * (channels + hidden)]);
            float* tiles = scratch.get();
            float* spread = tiles + group * channels;
            for (int64_t i = begin; i < end; i++) {
              const int64_t offset = i * group * channels;
              const int64_t count = std::min(group, rows - i * group);
              kernels_->enter(block, from + offset, count, tiles);
              kernels_->product(tiles, count, block.spread, 0,
                                block.spread.panels(), block.activation,
                                spread);
              kernels_->product(spread, count, block.gather, 0,
                                block.gather.panels(), Activation::kNone,
                                tiles);
              kernels_->leave(block, tiles, residual + offset, count, 0,
                              channels, to + offset);
            }
          });
  }

  // Too few rows to part among threads: they part the weights instead.
  void RunInPanels(tf::OpKernelContext* context, const Block& block,
                   const float* from, const float* residual, int64_t rows,
                   int64_t group, float* to) {
    const int64_t channels = block.spread.in, hidden = block.spread.out;
    const int64_t tile = kernels_->tile;
    const int64_t padded = (rows + tile - 1) / tile * tile;
    std::unique_ptr<float[]> scratch(
        new float[padded * (2 * channels + hidden)]);
    float* tiles = scratch.get();
    float* spread = tiles + padded * channels;
    float* gathered = spread + padded * hidden;
    Shard(context, padded / tile, tile * channels * 8,
          [&](int64_t begin, int64_t end) {
            begin *= tile;
            end = std::min(end * tile, rows);
            kernels_->enter(block, from + begin * channels, end - begin,
                            tiles + begin * channels);
          });
    auto product = [&](const float* in, const Layer& layer, int64_t begin,
                       int64_t end, Activation activation, float* out) {
      for (int64_t row = 0; row < rows; row += group) {
        kernels_->product(in + row * layer.in, std::min(group, rows - row),
                          layer, begin, end, activation, out + row * layer.out);
      }
    };
    Shard(context, block.spread.panels(), 2 * rows * channels * kPanel,
          [&](int64_t begin, int64_t end) {
            product(tiles, block.spread, begin, end, block.activation, spread);
          });
    Shard(context, block.gather.panels(), 2 * rows * hidden * kPanel,
          [&](int64_t begin, int64_t end) {
            product(spread, block.gather, begin, end, Activation::kNone,
                    gathered);
            kernels_->leave(block, gathered, residual, rows, begin * kPanel,
                            std::min(end * kPanel, channels), to);
          });
  }

  static const tf::DeviceBase::CpuWorkerThreads* Workers(
      tf::OpKernelContext* context) {
    return context->device()->tensorflow_cpu_worker_threads();
  }

  template <typename Work>
  static void Shard(tf::OpKernelContext* context, int64_t total, int64_t cost,
                    const Work& work) {
    auto workers = Workers(context);
    tf::Shard(workers->num_threads, workers->workers, total, cost, work);
  }

  const Kernels* kernels_;
  float epsilon_;
  Activation activation_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionBlock").Device(tf::DEVICE_CPU),
                        BlockOperation);

}  // namespace convnext_fusion

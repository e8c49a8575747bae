// LayerNorm over the last axis in one pass over memory: TensorFlow's own
// operations need six. A row stays in the first cache while its mean, its
// variance and its values are computed in turn.
#include "layer_norm.h"

#include <cmath>

#include "processor.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

namespace convnext_fusion {

namespace tf = tensorflow;

constexpr int kLanes = 16;

FOR_EACH_PROCESSOR
void NormalizeRows(const float* from, const float* weight, const float* bias,
                   float epsilon, int64_t channels, int64_t rows, float* to) {
  const int64_t whole = channels - channels % kLanes;
  for (int64_t row = 0; row < rows; row++) {
    const float* x = from + row * channels;
    float* y = to + row * channels;
    // Sums in lanes, so that they vectorize without changing their order.
    float lanes[kLanes] = {};
    for (int64_t i = 0; i < whole; i += kLanes) {
      for (int lane = 0; lane < kLanes; lane++) lanes[lane] += x[i + lane];
    }
    float sum = 0;
    for (int lane = 0; lane < kLanes; lane++) sum += lanes[lane];
    for (int64_t i = whole; i < channels; i++) sum += x[i];
    const float mean = sum / channels;

    float squares[kLanes] = {};
    for (int64_t i = 0; i < whole; i += kLanes) {
      for (int lane = 0; lane < kLanes; lane++) {
        const float centred = x[i + lane] - mean;
        squares[lane] += centred * centred;
      }
    }
    float square = 0;
    for (int lane = 0; lane < kLanes; lane++) square += squares[lane];
    for (int64_t i = whole; i < channels; i++) {
      square += (x[i] - mean) * (x[i] - mean);
    }
    const float scale = 1 / std::sqrt(square / channels + epsilon);
    for (int64_t i = 0; i < channels; i++) {
      y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
    }
  }
}

REGISTER_OP("ConvNextFusionLayerNorm")
    .Input("features: float")
    .Input("weight: float")
    .Input("bias: float")
    .Output("normalized: float")
    .Attr("epsilon: float")
    .SetShapeFn(tf::shape_inference::UnchangedShape);

class LayerNorm : public tf::OpKernel {
 public:
  explicit LayerNorm(tf::OpKernelConstruction* construction)
      : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &epsilon_));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor& features = context->input(0);
    const tf::Tensor& weight = context->input(1);
    const tf::Tensor& bias = context->input(2);
    OP_REQUIRES(context, features.dims() > 0,
                tf::errors::InvalidArgument("features are a scalar"));
    const int64_t channels = features.dim_size(features.dims() - 1);
    OP_REQUIRES(context,
                weight.NumElements() == channels &&
                    bias.NumElements() == channels,
                tf::errors::InvalidArgument("weight and bias must have ",
                                            channels, " channels"));
    tf::Tensor* normalized = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, features.shape(),
                                                     &normalized));
    if (features.NumElements() == 0) return;
    const float* from = features.flat<float>().data();
    const float* w = weight.flat<float>().data();
    const float* b = bias.flat<float>().data();
    float* to = normalized->flat<float>().data();
    auto threads = context->device()->tensorflow_cpu_worker_threads();
    tf::Shard(threads->num_threads, threads->workers,
              features.NumElements() / channels, channels * 2,
              [&](int64_t begin, int64_t end) {
                NormalizeRows(from + begin * channels, w, b, epsilon_,
                              channels, end - begin, to + begin * channels);
              });
  }

 private:
  float epsilon_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionLayerNorm").Device(tf::DEVICE_CPU),
                        LayerNorm);

}  // namespace convnext_fusion

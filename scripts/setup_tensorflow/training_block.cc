// A ConvNeXt block behind its convolution, and its gradient, as one operation
// each: rows go through in tiles that stay in the cache, where operations of
// TensorFlow's own take dozens of passes over memory. Sums over rows are taken
// in parts whose number and order do not depend on threads: a run repeats.
//
// LayerNorm's weights, GELU's scale and the layer scale are multiplied into
// the two products' kernels: with u the scaled argument, GELU is u (1 + erf u).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "training_operation.h"

namespace convnext_fusion_training {

constexpr float kRoot = 0.70710678118654752f;
constexpr int64_t kTileRows = 64;

// Weights of both products as a pass over rows takes them.
struct Folded {
  int64_t channels, hidden;
  float epsilon;
  const float* filter_bias;
  const float* first;
  const float* first_bias;
  const float* second;
  const float* second_bias;
};

// One part's sums over rows.
struct Sums {
  float* first;
  float* second;
  float* first_bias;
  float* second_bias;
  float* filter_bias;
};

// The functions of training_rows.h for one kind of processor.
struct BlockKernels {
  void (*pack)(const float*, int64_t, int64_t, int64_t, int64_t, float*);
  void (*forward)(const Folded&, const float*, const float*, int64_t, float*,
                  float*, float*, float*, float*);
  void (*backward)(const Folded&, const float*, const float*, const float*,
                   const float*, int64_t, const Sums&, float*, float*, float*);
};

#define PROCESSOR_CODE "training_rows.h"
#include "for_each_processor.h"

const BlockKernels* ProcessorKernels(BlockKernels*) {
  return Supported(&avx512::kKernels, &avx2::kKernels);
}

REGISTER_OP("ConvNextFusionTrainForward")
    .Input("residual: float")
    .Input("mixed: float")
    .Input("filter_bias: float")
    .Input("norm_weight: float")
    .Input("norm_bias: float")
    .Input("kernel1: float")
    .Input("bias1: float")
    .Input("kernel2: float")
    .Input("bias2: float")
    .Input("layer_scale: float")
    .Output("value: float")
    .Output("normal: float")
    .Output("inverse: float")
    .Output("argument: float")
    .Attr("epsilon: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Forward : public Vectorized<BlockKernels> {
 public:
  explicit Forward(tf::OpKernelConstruction* construction)
      : Vectorized<BlockKernels>(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &epsilon_));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape shape = context->input(0).shape();
    const int64_t hidden = context->input(6).NumElements();
    const int64_t channels = context->input(9).NumElements();
    OP_REQUIRES(context,
                shape == context->input(1).shape() && shape.dims() > 0 &&
                    shape.dim_size(shape.dims() - 1) == channels &&
                    channels > 0 && channels % 16 == 0 && hidden % 16 == 0 &&
                    context->input(5).NumElements() == channels * hidden &&
                    context->input(7).NumElements() == channels * hidden &&
                    context->input(2).NumElements() == channels &&
                    context->input(3).NumElements() == channels &&
                    context->input(4).NumElements() == channels &&
                    context->input(8).NumElements() == channels,
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t rows = shape.num_elements() / channels;
    const float *scale = Input(context, 3), *shift = Input(context, 4),
                *kernel1 = Input(context, 5), *bias1 = Input(context, 6),
                *kernel2 = Input(context, 7), *bias2 = Input(context, 8),
                *gamma = Input(context, 9);
    std::vector<float> first(channels * hidden), second(channels * hidden),
        packed1(channels * hidden), packed2(channels * hidden),
        first_bias(bias1, bias1 + hidden), second_bias(channels);
    for (int64_t c = 0; c < channels; c++) {
      for (int64_t h = 0; h < hidden; h++) {
        const float weight = kernel1[c * hidden + h];
        first[c * hidden + h] = weight * (scale[c] * kRoot);
        first_bias[h] += shift[c] * weight;
      }
      second_bias[c] = bias2[c] * gamma[c];
    }
    for (float& value : first_bias) value *= kRoot;
    for (int64_t h = 0; h < hidden; h++) {
      for (int64_t c = 0; c < channels; c++) {
        second[h * channels + c] =
            kernel2[h * channels + c] * (gamma[c] * (0.5f / kRoot));
      }
    }
    kernels_->pack(first.data(), hidden, 1, channels, hidden, packed1.data());
    kernels_->pack(second.data(), channels, 1, hidden, channels,
                   packed2.data());
    const Folded folded = {channels,          hidden,         epsilon_,
                           Input(context, 2), packed1.data(), first_bias.data(),
                           packed2.data(),    second_bias.data()};
    float* value = Output(context, 0, shape);
    float* normal = Output(context, 1, {rows, channels});
    float* inverse = Output(context, 2, {rows, 1});
    float* argument = Output(context, 3, {rows, hidden});
    if (!context->status().ok() || rows == 0) return;
    const float *residual = Input(context, 0), *mixed = Input(context, 1);
    const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
    InParts(context, tiles, std::min(kParts, tiles),
            [&](int64_t, int64_t begin, int64_t end) {
              std::unique_ptr<float[]> active(new float[kTileRows * hidden]);
              for (int64_t tile = begin; tile < end; tile++) {
                const int64_t row = tile * kTileRows;
                kernels_->forward(folded, mixed + row * channels,
                                  residual + row * channels,
                                  std::min(kTileRows, rows - row),
                                  value + row * channels,
                                  normal + row * channels, inverse + row,
                                  argument + row * hidden, active.get());
              }
            });
  }

 private:
  float epsilon_;
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionTrainForward").Device(tf::DEVICE_CPU), Forward);

REGISTER_OP("ConvNextFusionTrainBackward")
    .Input("dy: float")
    .Input("normal: float")
    .Input("inverse: float")
    .Input("argument: float")
    .Input("norm_weight: float")
    .Input("norm_bias: float")
    .Input("kernel1: float")
    .Input("kernel2: float")
    .Input("bias2: float")
    .Input("layer_scale: float")
    .Output("d_mixed: float")
    .Output("d_filter_bias: float")
    .Output("d_norm_weight: float")
    .Output("d_norm_bias: float")
    .Output("d_kernel1: float")
    .Output("d_bias1: float")
    .Output("d_kernel2: float")
    .Output("d_bias2: float")
    .Output("d_layer_scale: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Backward : public Vectorized<BlockKernels> {
 public:
  using Vectorized<BlockKernels>::Vectorized;

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape shape = context->input(0).shape();
    const int64_t channels = context->input(9).NumElements();
    const int64_t rows = context->input(2).NumElements();
    OP_REQUIRES(context, channels > 0 && channels % 16 == 0,
                tf::errors::InvalidArgument("channels do not fit"));
    const int64_t size = context->input(6).NumElements();
    const int64_t hidden = size / channels;
    OP_REQUIRES(context,
                hidden % 16 == 0 && shape.num_elements() == rows * channels &&
                    context->input(1).NumElements() == rows * channels &&
                    context->input(3).NumElements() == rows * hidden &&
                    context->input(7).NumElements() == size &&
                    context->input(4).NumElements() == channels &&
                    context->input(5).NumElements() == channels &&
                    context->input(8).NumElements() == channels,
                tf::errors::InvalidArgument("shapes do not fit"));
    const float *scale = Input(context, 4), *shift = Input(context, 5),
                *kernel1 = Input(context, 6), *kernel2 = Input(context, 7),
                *bias2 = Input(context, 8), *gamma = Input(context, 9);
    std::vector<float> first(size), second(size), packed1(size), packed2(size);
    for (int64_t c = 0; c < channels; c++) {
      for (int64_t h = 0; h < hidden; h++) {
        first[c * hidden + h] = kernel1[c * hidden + h] * (scale[c] * kRoot);
        second[h * channels + c] =
            kernel2[h * channels + c] * (gamma[c] * (0.5f / kRoot));
      }
    }
    // Both transposed.
    kernels_->pack(first.data(), 1, hidden, hidden, channels, packed1.data());
    kernels_->pack(second.data(), 1, channels, channels, hidden,
                   packed2.data());
    const Folded folded = {channels,       hidden,  0,
                           nullptr,        packed1.data(), nullptr,
                           packed2.data(), nullptr};
    const tf::TensorShape wide({hidden}), narrow({channels});
    float* d_mixed = Output(context, 0, shape);
    float* d_filter_bias = Output(context, 1, narrow);
    float* d_scale = Output(context, 2, narrow);
    float* d_shift = Output(context, 3, narrow);
    float* d_kernel1 = Output(context, 4, {channels, hidden});
    float* d_bias1 = Output(context, 5, wide);
    float* d_kernel2 = Output(context, 6, {hidden, channels});
    float* d_bias2 = Output(context, 7, narrow);
    float* d_gamma = Output(context, 8, narrow);
    if (!context->status().ok()) return;
    const float *dy = Input(context, 0), *normal = Input(context, 1),
                *inverse = Input(context, 2), *argument = Input(context, 3);
    const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
    const int64_t parts = std::max<int64_t>(1, std::min(kParts, tiles));
    const int64_t each = 2 * size + hidden + 2 * channels;
    std::vector<float> all(parts * each, 0.0f);
    auto sums_of = [&](int64_t part) {
      float* at = all.data() + part * each;
      return Sums{at, at + size, at + 2 * size, at + 2 * size + hidden,
                  at + 2 * size + hidden + channels};
    };
    InParts(context, tiles, parts,
            [&](int64_t part, int64_t begin, int64_t end) {
              std::unique_ptr<float[]> scratch(
                  new float[2 * kTileRows * hidden]);
              for (int64_t tile = begin; tile < end; tile++) {
                const int64_t row = tile * kTileRows;
                kernels_->backward(
                    folded, dy + row * channels, normal + row * channels,
                    inverse + row, argument + row * hidden,
                    std::min(kTileRows, rows - row), sums_of(part),
                    d_mixed + row * channels, scratch.get(),
                    scratch.get() + kTileRows * hidden);
              }
            });
    AddParts(all, each, parts);
    const Sums sums = sums_of(0);
    for (int64_t h = 0; h < hidden; h++) d_bias1[h] = sums.first_bias[h] * kRoot;
    for (int64_t c = 0; c < channels; c++) {
      float by_scale = 0, by_shift = 0;
      for (int64_t h = 0; h < hidden; h++) {
        const int64_t i = c * hidden + h;
        d_kernel1[i] =
            sums.first[i] * (scale[c] * kRoot) + shift[c] * d_bias1[h];
        by_scale += kernel1[i] * sums.first[i];
        by_shift += kernel1[i] * d_bias1[h];
      }
      d_scale[c] = by_scale * kRoot;
      d_shift[c] = by_shift;
      d_filter_bias[c] = sums.filter_bias[c];
      d_bias2[c] = sums.second_bias[c] * gamma[c];
      d_gamma[c] = 0;
    }
    for (int64_t h = 0; h < hidden; h++) {
      for (int64_t c = 0; c < channels; c++) {
        const int64_t i = h * channels + c;
        d_kernel2[i] = sums.second[i] * (gamma[c] * (0.5f / kRoot));
        d_gamma[c] += kernel2[i] * sums.second[i];
      }
    }
    for (int64_t c = 0; c < channels; c++) {
      d_gamma[c] = d_gamma[c] * (0.5f / kRoot) + bias2[c] * sums.second_bias[c];
    }
  }
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionTrainBackward").Device(tf::DEVICE_CPU), Backward);

}  // namespace convnext_fusion_training

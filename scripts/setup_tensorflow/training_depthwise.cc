// The depthwise convolution of a ConvNeXt block, and its gradients: VECTOR
// channels of an image are computed at once, with zeros around, so that no tap
// asks where it is.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "training_operation.h"

namespace convnext_fusion_training {

constexpr int kFilter = 7;

// The functions of training_taps.h for one kind of processor.
struct DepthwiseKernels {
  void (*forward)(const float*, const float*, const float*, int64_t, int64_t,
                  int64_t, float*, float*);
  void (*gradient)(const float*, const float*, const float*, const float*,
                   int64_t, int64_t, int64_t, float*, float*, float*);
};

#define PROCESSOR_CODE "training_taps.h"
#include "for_each_processor.h"

const DepthwiseKernels* ProcessorKernels(DepthwiseKernels*) {
  return Supported(&avx512::kKernels, &avx2::kKernels);
}

REGISTER_OP("ConvNextFusionDepthwiseGradient")
    .Input("image: float")
    .Input("gradient: float")
    .Input("filter: float")
    .Input("residual: float")
    .Output("d_image: float")
    .Output("d_filter: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class DepthwiseGradient : public Vectorized<DepthwiseKernels> {
 public:
  using Vectorized<DepthwiseKernels>::Vectorized;

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor& image = context->input(0);
    OP_REQUIRES(context,
                image.dims() == 4 && image.dim_size(3) > 0 &&
                    image.dim_size(3) % 16 == 0 &&
                    context->input(1).shape() == image.shape() &&
                    context->input(3).shape() == image.shape() &&
                    context->input(2).NumElements() ==
                        kFilter * kFilter * image.dim_size(3),
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t images = image.dim_size(0), height = image.dim_size(1),
                  width = image.dim_size(2), channels = image.dim_size(3);
    float* d_image = Output(context, 0, image.shape());
    float* d_filter = Output(context, 1, context->input(2).shape());
    if (!context->status().ok()) return;
    const float *from = Input(context, 0), *by = Input(context, 1),
                *filter = Input(context, 2), *residual = Input(context, 3);
    const int64_t size = kFilter * kFilter * channels;
    const int64_t parts = std::max<int64_t>(1, std::min(kParts, images));
    const int64_t place = height * width * channels;
    std::vector<float> sums(parts * size, 0.0f);
    InParts(context, images, parts,
            [&](int64_t part, int64_t begin, int64_t end) {
              std::unique_ptr<float[]> scratch(
                  new float[2 * (height + kFilter - 1) *
                            (width + kFilter - 1) * 16]);
              for (int64_t i = begin * place; i < end * place; i += place) {
                kernels_->gradient(from + i, by + i, filter, residual + i,
                                    height, width, channels,
                                    sums.data() + part * size, d_image + i,
                                    scratch.get());
              }
            });
    AddParts(sums, size, parts);
    std::copy_n(sums.data(), size, d_filter);
  }
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionDepthwiseGradient").Device(tf::DEVICE_CPU),
    DepthwiseGradient);

REGISTER_OP("ConvNextFusionDepthwise")
    .Input("image: float")
    .Input("filter: float")
    .Output("convolved: float")
    .SetShapeFn(tf::shape_inference::UnchangedShape);

class Depthwise : public Vectorized<DepthwiseKernels> {
 public:
  using Vectorized<DepthwiseKernels>::Vectorized;

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor& image = context->input(0);
    OP_REQUIRES(context,
                image.dims() == 4 && image.dim_size(3) > 0 &&
                    image.dim_size(3) % 16 == 0 &&
                    context->input(1).NumElements() ==
                        kFilter * kFilter * image.dim_size(3),
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t height = image.dim_size(1), width = image.dim_size(2),
                  channels = image.dim_size(3);
    const int64_t place = height * width * channels;
    float* to = Output(context, 0, image.shape());
    if (!context->status().ok()) return;
    const float *from = Input(context, 0), *filter = Input(context, 1);
    const float zeros[16] = {};
    InParts(context, image.dim_size(0), kParts,
            [&](int64_t, int64_t begin, int64_t end) {
              std::unique_ptr<float[]> scratch(
                  new float[(height + kFilter - 1) * (width + kFilter - 1) *
                            16]);
              for (int64_t i = begin * place; i < end * place; i += place) {
                kernels_->forward(from + i, filter, zeros, height,
                                            width, channels, to + i,
                                            scratch.get());
              }
            });
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionDepthwise").Device(tf::DEVICE_CPU),
                        Depthwise);

}  // namespace convnext_fusion_training

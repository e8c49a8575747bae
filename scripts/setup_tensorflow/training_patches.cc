// ConvNeXt's stem and its downsampling: convolutions of patches that do not
// overlap, each a product of a matrix of patches, and their gradients.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "training_operation.h"

namespace convnext_fusion_training {

constexpr int64_t kTileRows = 64;

struct Patches {
  int64_t height, width, channels, side, out;
  int64_t depth() const { return side * side * channels; }
  int64_t down() const { return height / side; }
  int64_t across() const { return width / side; }
  // Where line i of the patch of a row of the result begins.
  int64_t Place(int64_t row, int64_t i) const {
    const int64_t x = row % across(), line = row / across();
    return ((line * side + i) * width + x * side) * channels;
  }
};

// The functions of training_patch_rows.h for one kind of processor.
struct PatchKernels {
  void (*pack)(const float*, int64_t, int64_t, int64_t, int64_t, float*);
  void (*forward)(const Patches&, const float*, const float*, const float*,
                  int64_t, int64_t, float*, float*);
  void (*backward)(const Patches&, const float*, const float*, const float*,
                   int64_t, int64_t, float*, float*, float*, float*);
};

#define PROCESSOR_CODE "training_patch_rows.h"
#include "for_each_processor.h"

const PatchKernels* ProcessorKernels(PatchKernels*) {
  return Supported(&avx512::kKernels, &avx2::kKernels);
}

// Whether an image has whole patches of a kernel's size.
bool Fit(const tf::Tensor& image, const tf::Tensor& kernel, Patches& patches) {
  if (image.dims() != 4 || kernel.dims() != 4) return false;
  patches = {image.dim_size(1), image.dim_size(2), image.dim_size(3),
             kernel.dim_size(0), kernel.dim_size(3)};
  return patches.side > 0 && kernel.dim_size(1) == patches.side &&
         kernel.dim_size(2) == patches.channels && patches.channels > 0 &&
         patches.out > 0 && patches.out % 16 == 0 &&
         patches.height % patches.side == 0 &&
         patches.width % patches.side == 0;
}

REGISTER_OP("ConvNextFusionPatches")
    .Input("image: float")
    .Input("kernel: float")
    .Input("bias: float")
    .Output("value: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class PatchesForward : public Vectorized<PatchKernels> {
 public:
  using Vectorized<PatchKernels>::Vectorized;

  void Compute(tf::OpKernelContext* context) override {
    Patches p;
    OP_REQUIRES(context,
                Fit(context->input(0), context->input(1), p) &&
                    context->input(2).NumElements() == p.out,
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t images = context->input(0).dim_size(0);
    const int64_t rows = images * p.down() * p.across();
    float* value = Output(context, 0, {images, p.down(), p.across(), p.out});
    if (!context->status().ok()) return;
    const float *image = Input(context, 0), *bias = Input(context, 2);
    std::vector<float> packed(p.depth() * p.out);
    kernels_->pack(Input(context, 1), p.out, 1, p.depth(), p.out,
                   packed.data());
    InParts(context, (rows + kTileRows - 1) / kTileRows, kParts,
            [&](int64_t, int64_t begin, int64_t end) {
              std::unique_ptr<float[]> patches(
                  new float[kTileRows * p.depth()]);
              for (int64_t i = begin; i < end; i++) {
                kernels_->forward(p, image, packed.data(), bias, i * kTileRows,
                                  std::min(rows, (i + 1) * kTileRows), value,
                                  patches.get());
              }
            });
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionPatches").Device(tf::DEVICE_CPU),
                        PatchesForward);

REGISTER_OP("ConvNextFusionPatchesGradient")
    .Input("dy: float")
    .Input("image: float")
    .Input("kernel: float")
    .Output("d_kernel: float")
    .Output("d_bias: float")
    .Output("d_image: float")
    .Attr("wants_image: bool")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class PatchesGradient : public Vectorized<PatchKernels> {
 public:
  explicit PatchesGradient(tf::OpKernelConstruction* construction)
      : Vectorized<PatchKernels>(construction) {
    OP_REQUIRES_OK(construction,
                   construction->GetAttr("wants_image", &wants_image_));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor &dy = context->input(0), &image = context->input(1);
    Patches p;
    OP_REQUIRES(context,
                Fit(image, context->input(2), p) &&
                    (!wants_image_ || p.depth() % 16 == 0),
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t rows = image.dim_size(0) * p.down() * p.across();
    OP_REQUIRES(context, dy.NumElements() == rows * p.out,
                tf::errors::InvalidArgument("gradient does not fit"));
    const int64_t size = p.depth() * p.out;
    float* d_kernel = Output(context, 0, context->input(2).shape());
    float* d_bias = Output(context, 1, {p.out});
    float* d_image = Output(context, 2, wants_image_ ? image.shape()
                                                     : tf::TensorShape({0}));
    if (!context->status().ok()) return;
    if (!wants_image_) d_image = nullptr;
    std::vector<float> packed(size), sums(kParts * (size + p.out), 0.0f);
    // Transposed.
    if (wants_image_) {
      kernels_->pack(Input(context, 2), 1, p.out, p.out, p.depth(),
                     packed.data());
    }
    const float *from = Input(context, 1), *by = Input(context, 0);
    InParts(context, (rows + kTileRows - 1) / kTileRows, kParts,
            [&](int64_t part, int64_t begin, int64_t end) {
              std::unique_ptr<float[]> patches(
                  new float[kTileRows * p.depth()]);
              float* own = sums.data() + part * (size + p.out);
              for (int64_t i = begin; i < end; i++) {
                kernels_->backward(p, from, packed.data(), by, i * kTileRows,
                                   std::min(rows, (i + 1) * kTileRows), own,
                                   own + size, d_image, patches.get());
              }
            });
    AddParts(sums, size + p.out, kParts);
    std::copy_n(sums.data(), size, d_kernel);
    std::copy_n(sums.data() + size, p.out, d_bias);
  }

 private:
  bool wants_image_;
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionPatchesGradient").Device(tf::DEVICE_CPU),
    PatchesGradient);

}  // namespace convnext_fusion_training

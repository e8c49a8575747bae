// ConvNeXt's stem and its downsampling for inference: convolutions of patches
// that do not overlap, each a product of a matrix of patches.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "processor.h"
#include "product.h"
#include "team.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "thread_memory.h"

namespace convnext_fusion {

namespace tf = tensorflow;

struct Patches {
  int64_t height, width, channels, side;
  int64_t down() const { return height / side; }
  int64_t across() const { return width / side; }
  // Where line i of a row's patch begins.
  int64_t Place(int64_t row, int64_t i) const {
    const int64_t x = row % across(), y = row / across() % down(),
                  image = row / across() / down();
    return ((image * height + y * side + i) * width + x * side) * channels;
  }
};

// The functions of patch_rows.h for one kind of processor.
struct PatchKernels {
  int64_t lanes, tile;
  Rows (*in_tiles)(float*, int64_t);
  void (*gather)(const Patches&, const float*, int64_t, int64_t, float*,
                 const Rows&);
  void (*multiply)(const Product&, int64_t, int64_t, int64_t);
};

namespace patches {
#define PROCESSOR_CODE "patch_rows.h"
#include "for_each_processor.h"
}  // namespace patches

// Tiles whose rows a thread takes at once.
constexpr int64_t kTogether = 8;

REGISTER_OP("ConvNextFusionPatchProduct")
    .Input("image: float")
    .Input("kernel: float")
    .Input("bias: float")
    .Output("result: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class PatchProduct : public tf::OpKernel {
 public:
  explicit PatchProduct(tf::OpKernelConstruction* construction)
      : OpKernel(construction),
        kernels_(Supported(&patches::avx512::kKernels,
                           &patches::avx2::kKernels)) {
    OP_REQUIRES(construction, kernels_ != nullptr,
                tf::errors::Unimplemented("needs AVX2"));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor &image = context->input(0), &kernel = context->input(1),
                     &bias = context->input(2);
    OP_REQUIRES(context,
                image.dims() == 4 && kernel.dims() == 4 &&
                    kernel.dim_size(0) > 0 &&
                    kernel.dim_size(1) == kernel.dim_size(0) &&
                    kernel.dim_size(2) == image.dim_size(3) &&
                    kernel.dim_size(3) % kPanel == 0 &&
                    bias.NumElements() == kernel.dim_size(3),
                tf::errors::InvalidArgument("shapes do not fit"));
    const Patches p = {image.dim_size(1), image.dim_size(2), image.dim_size(3),
                       kernel.dim_size(0)};
    const int64_t images = image.dim_size(0), out = kernel.dim_size(3);
    const int64_t depth = p.side * p.side * p.channels;
    tf::Tensor* result = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(
                       0, tf::TensorShape({images, p.down(), p.across(), out}),
                       &result));
    if (result->NumElements() == 0) return;
    const Layer layer = Layer::Plain(depth, out, kernel.flat<float>().data(),
                                     bias.flat<float>().data());
    Run(context, p, image.flat<float>().data(), images * p.down() * p.across(),
        layer, result->flat<float>().data());
  }

 private:
  void Run(tf::OpKernelContext* context, const Patches& p, const float* image,
           int64_t rows, const Layer& layer, float* to) {
    const int64_t tile = kernels_->tile, group = kTogether * tile;
    const int64_t groups = (rows + group - 1) / group;
    Rows gathered = kernels_->in_tiles(nullptr, layer.in);
    gathered.at = ThreadMemory(groups * kTogether * gathered.tile);
    const Rows result = {to, kernels_->lanes, layer.out, tile * layer.out};
    Team team(context, 2.0 * rows * layer.in * layer.out);
    team.Run(groups, [&](int64_t part) {
      const std::unique_ptr<float[]> patch(new float[layer.in]);
      kernels_->gather(p, image, part * group,
                       std::min(part * group + group, rows), patch.get(),
                       gathered);
    });
    const int64_t panels = Panels(layer.out);
    team.Run(groups * panels, [&](int64_t part) {
      const int64_t first = part / panels * kTogether, panel = part % panels;
      kernels_->multiply({&layer, 0, layer.in, gathered.From(first, 0),
                          result.From(first, panel * kPanel / kernels_->lanes),
                          false, Activation::kNone},
                         std::min(group, rows - first * tile), panel,
                         panel + 1);
    });
  }

  const PatchKernels* kernels_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionPatchProduct")
                            .Device(tf::DEVICE_CPU),
                        PatchProduct);

}  // namespace convnext_fusion

// ConvNeXt's stem and its downsampling for inference: convolutions of patches
// that do not overlap, each a product of a matrix of patches.
#include "patches.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "processor.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "thread_memory.h"

namespace convnext_fusion {

namespace tf = tensorflow;

// The functions of patch_rows.h for one kind of processor.
struct PatchKernels {
  int64_t lanes, tile;
  Rows (*in_tiles)(float*, int64_t);
  void (*gather)(const Patches&, int64_t, int64_t, float*, const Rows&);
  void (*multiply)(const Product&, int64_t, int64_t, int64_t);
};

namespace patches {
#define PROCESSOR_CODE "patch_rows.h"
#include "for_each_processor.h"
}  // namespace patches

// Tiles whose rows a thread takes at once.
constexpr int64_t kTogether = 8;

const PatchKernels* ProcessorPatchKernels() {
  return Supported(&patches::avx512::kKernels, &patches::avx2::kKernels);
}

bool HasPatches() { return ProcessorPatchKernels() != nullptr; }

tf::Status ReadPatches(tf::OpKernelContext* context, int first,
                       const Features& from, Patches* patches) {
  const tf::Tensor &kernel = context->input(first),
                   &bias = context->input(first + 1);
  if (kernel.dims() != 4 || kernel.dim_size(0) == 0 ||
      kernel.dim_size(1) != kernel.dim_size(0) ||
      kernel.dim_size(2) != from.channels ||
      kernel.dim_size(3) % kPanel != 0 ||
      bias.NumElements() != kernel.dim_size(3)) {
    return tf::errors::InvalidArgument("shapes do not fit");
  }
  const int64_t side = kernel.dim_size(0);
  *patches = {from, side,
              Layer::Plain(side * side * from.channels, kernel.dim_size(3),
                           kernel.flat<float>().data(),
                           bias.flat<float>().data())};
  return tf::OkStatus();
}

void ComputePatches(Team& team, const Patches& p, float* to) {
  const PatchKernels& kernels = *ProcessorPatchKernels();
  const Layer& layer = p.layer;
  const int64_t rows = p.Result(to).rows();
  const int64_t tile = kernels.tile, group = kTogether * tile;
  const int64_t groups = (rows + group - 1) / group;
  Rows gathered = kernels.in_tiles(nullptr, layer.in);
  gathered.at = ThreadMemory(groups * kTogether * gathered.tile);
  const Rows result = {to, kernels.lanes, layer.out, tile * layer.out};
  team.Run(groups, [&](int64_t part) {
    const std::unique_ptr<float[]> patch(new float[layer.in]);
    kernels.gather(p, part * group, std::min(part * group + group, rows),
                   patch.get(), gathered);
  });
  const int64_t panels = Panels(layer.out);
  team.Run(groups * panels, [&](int64_t part) {
    const int64_t first = part / panels * kTogether, panel = part % panels;
    kernels.multiply({&layer, 0, layer.in, gathered.From(first, 0),
                      result.From(first, panel * kPanel / kernels.lanes), false,
                      Activation::kNone},
                     std::min(group, rows - first * tile), panel, panel + 1);
  });
}

REGISTER_OP("ConvNextFusionPatchProduct")
    .Input("image: float")
    .Input("kernel: float")
    .Input("bias: float")
    .Output("result: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class PatchProduct : public tf::OpKernel {
 public:
  explicit PatchProduct(tf::OpKernelConstruction* construction)
      : OpKernel(construction) {
    OP_REQUIRES(construction, HasPatches(),
                tf::errors::Unimplemented("needs AVX2"));
  }

  void Compute(tf::OpKernelContext* context) override {
    Features image;
    OP_REQUIRES_OK(context, ReadFeatures(context, &image));
    Patches p;
    OP_REQUIRES_OK(context, ReadPatches(context, 1, image, &p));
    tf::Tensor* result = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(
                       0,
                       tf::TensorShape({image.images, p.down(), p.across(),
                                        p.layer.out}),
                       &result));
    if (result->NumElements() == 0) return;
    Team team(context, 2.0 * result->NumElements() * p.layer.in);
    ComputePatches(team, p, result->flat<float>().data());
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionPatchProduct")
                            .Device(tf::DEVICE_CPU),
                        PatchProduct);

}  // namespace convnext_fusion

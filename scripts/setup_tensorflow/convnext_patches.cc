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
// With fewer of those for each thread, the last ones would work alone.
constexpr int64_t kEven = 8;

const PatchKernels* ProcessorPatchKernels() {
  return Supported(&patches::avx512::kKernels, &patches::avx2::kKernels);
}

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
  // Else there is nothing to take the mean of.
  if (from.height < side || from.width < side) {
    return tf::errors::InvalidArgument("images of ", from.height, " x ",
                                       from.width, " in patches of ", side);
  }
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
  const int64_t panels = Panels(layer.out);
  const Rows tiles = kernels.in_tiles(nullptr, layer.in);
  const Rows result = {to, kernels.lanes, layer.out, tile * layer.out};
  auto gather = [&](int64_t part, const Rows& into) {
    const std::unique_ptr<float[]> patch(new float[layer.in]);
    kernels.gather(p, part * group, std::min(part * group + group, rows),
                   patch.get(), into);
  };
  auto multiply = [&](int64_t part, const Rows& from, int64_t begin,
                      int64_t end) {
    const Rows into = result.From(part * kTogether,
                                  begin * kPanel / kernels.lanes);
    kernels.multiply({&layer, 0, layer.in, from, into, false,
                      Activation::kNone},
                     std::min(group, rows - part * group), begin, end);
  };
  if (groups >= kEven * team.threads()) {
    team.Run(groups, [&](int64_t part) {
      Rows own = tiles;
      own.at = ThreadMemory(kTogether * own.tile);
      gather(part, own);
      multiply(part, own, 0, panels);
    });
    return;
  }
  // Too few rows to part among threads: they part the kernel instead.
  Rows all = tiles;
  all.at = ThreadMemory(groups * kTogether * all.tile);
  team.Run(groups, [&](int64_t part) {
    gather(part, all.From(part * kTogether, 0));
  });
  team.Run(groups * panels, [&](int64_t part) {
    const int64_t panel = part % panels, of = part / panels;
    multiply(of, all.From(of * kTogether, 0), panel, panel + 1);
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
    OP_REQUIRES(construction, IsSupported(),
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

// Puts a matrix in the order in which our products read it.
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

#include "processor.h"
#include "product.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace convnext_fusion {

namespace tf = tensorflow;

REGISTER_OP("ConvNextFusionPackPanels")
    .Input("weight: float")
    .Output("packed: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

// Weights of a large model are read from memory for every image: with pages of
// 2 MiB the processor reads ahead further.
void UseLargePages(void* begin, int64_t bytes) {
  constexpr uintptr_t kPage = 2 << 20;
  const uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (address + kPage - 1) / kPage * kPage;
  const uintptr_t last = (address + bytes) / kPage * kPage;
  // Where the system has none, nothing is lost.
  if (first < last) {
    madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
  }
}

class Pack : public tf::OpKernel {
 public:
  // Not there where nothing reads what it makes.
  explicit Pack(tf::OpKernelConstruction* construction)
      : OpKernel(construction) {
    OP_REQUIRES(construction, IsSupported(),
                tf::errors::Unimplemented("needs AVX2"));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::Tensor& weight = context->input(0);
    OP_REQUIRES(context, weight.dims() == 2,
                tf::errors::InvalidArgument("weight must be a matrix"));
    const int64_t in = weight.dim_size(0), out = weight.dim_size(1);
    tf::Tensor* packed = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, tf::TensorShape({Panels(out), in, kPanel}),
                                &packed));
    const float* from = weight.flat<float>().data();
    float* to = packed->flat<float>().data();
    UseLargePages(to, packed->TotalBytes());
    for (int64_t first = 0; first < out; first += kPanel) {
      const int64_t width = std::min(kPanel, out - first);
      for (int64_t k = 0; k < in; k++, to += kPanel) {
        std::copy_n(from + k * out + first, width, to);
        std::fill(to + width, to + kPanel, 0.0f);
      }
    }
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionPackPanels").Device(tf::DEVICE_CPU),
                        Pack);

}  // namespace convnext_fusion

// Products that are known to be symmetric: Gram matrices, and polynomials of
// one. Half the arithmetic of a product that does not know.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "training_operation.h"

namespace convnext_fusion_training {

// Columns that are computed together.
constexpr int64_t kGroup = 32;
// Depths of which rows and columns fit the first cache.
constexpr int64_t kDepths = 128;

// The functions of symmetric_rows.h for one kind of processor.
struct SymmetricKernels {
  void (*pack)(const float*, int64_t, int64_t, int64_t, int64_t, int64_t,
               float*);
  void (*columns)(const float*, const float*, int64_t, int64_t, int64_t,
                  float*);
};

#define PROCESSOR_CODE "symmetric_rows.h"
#include "for_each_processor.h"

const SymmetricKernels* ProcessorKernels(SymmetricKernels*) {
  return Supported(&avx512::kKernels, &avx2::kKernels);
}

REGISTER_OP("ConvNextFusionSymmetricProduct")
    .Input("a: float")
    .Input("b: float")
    .Output("product: float")
    .Attr("transpose: bool")
    .SetShapeFn(tf::shape_inference::UnknownShape);

// a bᵀ of [matrices, size, depth]; with `transpose`, aᵀ b of [matrices, depth,
// size].
class SymmetricProduct : public Vectorized<SymmetricKernels> {
 public:
  explicit SymmetricProduct(tf::OpKernelConstruction* construction)
      : Vectorized<SymmetricKernels>(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("transpose", &transpose_));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape& shape = context->input(0).shape();
    OP_REQUIRES(context,
                shape.dims() == 3 && shape == context->input(1).shape() &&
                    shape.dim_size(transpose_ ? 2 : 1) % kGroup == 0 &&
                    shape.num_elements() > 0,
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t matrices = shape.dim_size(0);
    const int64_t size = shape.dim_size(transpose_ ? 2 : 1);
    const int64_t depth = shape.dim_size(transpose_ ? 1 : 2);
    float* product = Output(context, 0, {matrices, size, size});
    if (!context->status().ok()) return;

    const float *a = Input(context, 0), *b = Input(context, 1);
    const int64_t values = shape.num_elements(), groups = size / kGroup;
    std::unique_ptr<float[]> packed_a(new float[values]), other;
    Pack(context, a, matrices, size, depth, packed_a.get());
    const float* packed_b = packed_a.get();
    if (a != b) {
      other.reset(new float[values]);
      Pack(context, b, matrices, size, depth, other.get());
      packed_b = other.get();
    }
    // The longest columns first, so that threads end together.
    Each(context, matrices * groups, [&](int64_t i) {
      const int64_t group = groups - 1 - i / matrices, matrix = i % matrices;
      kernels_->columns(packed_a.get() + matrix * size * depth,
                        packed_b + matrix * size * depth, size, depth, group,
                        product + matrix * size * size);
    });
  }

 private:
  void Pack(tf::OpKernelContext* context, const float* from, int64_t matrices,
            int64_t size, int64_t depth, float* to) {
    const int64_t groups = size / kGroup;
    Each(context, matrices * groups, [&](int64_t i) {
      const int64_t begin = i / groups * size * depth;
      kernels_->pack(from + begin, transpose_ ? 1 : depth,
                     transpose_ ? size : 1, size, depth, i % groups,
                     to + begin);
    });
  }

  // Each number below `count`, in order, by whichever thread is free.
  template <typename Work>
  static void Each(tf::OpKernelContext* context, int64_t count,
                   const Work& work) {
    std::atomic<int64_t> next{0};
    const int64_t threads =
        context->device()->tensorflow_cpu_worker_threads()->num_threads;
    InParts(context, threads, threads, [&](int64_t, int64_t, int64_t) {
      for (int64_t i; (i = next++) < count;) work(i);
    });
  }

  bool transpose_;
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionSymmetricProduct").Device(tf::DEVICE_CPU),
    SymmetricProduct);

}  // namespace convnext_fusion_training

// Products that are known to be symmetric: Gram matrices, and polynomials of
// one. Half the arithmetic of a product that does not know.
#include <algorithm>
#include <cstring>

#include "team.h"
#include "thread_memory.h"
#include "training_operation.h"

namespace convnext_fusion_training {

using convnext_fusion::Team;
using convnext_fusion::ThreadMemory;

// Rows, or columns, that are packed together.
constexpr int64_t kGroup = 32;
// Depths of which a group of rows and one of columns fit the first cache.
constexpr int64_t kDepths = 96;
// Groups of rows and of columns that a thread takes at once.
constexpr int64_t kSquare = 2;
// Values that are packed at once, if that is several matrices.
constexpr int64_t kRoom = int64_t{1} << 21;

struct Symmetric {
  int64_t size, depth;
  bool transpose;
  int64_t groups() const { return (size + kGroup - 1) / kGroup; }
  int64_t padded() const { return groups() * kGroup; }
  int64_t packed() const { return padded() * depth; }
  int64_t squares() const { return (groups() + kSquare - 1) / kSquare; }
  int64_t blocks() const { return (depth + kDepths - 1) / kDepths; }
};

// The functions of symmetric_rows.h for one kind of processor.
struct SymmetricKernels {
  void (*pack)(const Symmetric&, const float*, int64_t, float*);
  void (*square)(const Symmetric&, const float*, const float*, const float*,
                 const float*, int64_t, int64_t, float*);
};

namespace symmetric {
#define PROCESSOR_CODE "symmetric_rows.h"
#include "for_each_processor.h"
}  // namespace symmetric

const SymmetricKernels* ProcessorKernels(SymmetricKernels*) {
  return Supported(&symmetric::avx512::kKernels, &symmetric::avx2::kKernels);
}

REGISTER_OP("ConvNextFusionSymmetricProduct")
    .Input("a: float")
    .Input("b: float")
    .Input("coefficients: float")
    .Input("more: N * float")
    .Output("product: float")
    .Attr("transpose: bool")
    .Attr("N: int >= 0")
    .SetShapeFn(tf::shape_inference::UnknownShape);

// p a bᵀ + q more + r I, of [matrices, size, depth]; with `transpose` aᵀ b, of
// [matrices, depth, size]. Each matrix has its p, q, r, or all have the same.
class SymmetricProduct : public Vectorized<SymmetricKernels> {
 public:
  explicit SymmetricProduct(tf::OpKernelConstruction* construction)
      : Vectorized<SymmetricKernels>(construction) {
    OP_REQUIRES_OK(construction,
                   construction->GetAttr("transpose", &transpose_));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape& shape = context->input(0).shape();
    const int rank = shape.dims();
    OP_REQUIRES(context,
                (rank == 2 || rank == 3) && shape == context->input(1).shape(),
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t matrices = rank == 3 ? shape.dim_size(0) : 1;
    const Symmetric product = {shape.dim_size(rank - (transpose_ ? 1 : 2)),
                               shape.dim_size(rank - (transpose_ ? 2 : 1)),
                               transpose_};
    tf::TensorShape result = shape;
    result.set_dim(rank - 1, product.size);
    result.set_dim(rank - 2, product.size);
    const int64_t sets = context->input(2).NumElements() / 3;
    OP_REQUIRES(context,
                context->input(2).NumElements() % 3 == 0 &&
                    (sets == 1 || sets == matrices) &&
                    context->num_inputs() <= 4 &&
                    (context->num_inputs() == 3 ||
                     context->input(3).shape() == result) &&
                    product.depth > 0,
                tf::errors::InvalidArgument("shapes do not fit"));
    float* to = Output(context, 0, result);
    if (!context->status().ok() || result.num_elements() == 0) return;
    Run(context, product, matrices, sets > 1 ? 3 : 0, to);
  }

 private:
  void Run(tf::OpKernelContext* context, const Symmetric& product,
           int64_t matrices, int64_t coefficient_step, float* to) {
    const float *a = Input(context, 0), *b = Input(context, 1);
    const float* coefficients = Input(context, 2);
    const float* more = context->num_inputs() > 3 ? Input(context, 3) : nullptr;
    const int64_t operands = a == b ? 1 : 2, packed = product.packed();
    const int64_t values = product.size * product.depth;
    const int64_t area = product.size * product.size;
    const int64_t some = std::min(
        matrices, std::max<int64_t>(1, kRoom / (operands * packed)));
    float* room = ThreadMemory(some * operands * packed);
    const int64_t squares = product.squares(), blocks = product.blocks();
    Team team(context, 1.0 * matrices * area * product.depth);
    for (int64_t first = 0; first < matrices; first += some) {
      const int64_t count = std::min(some, matrices - first);
      team.Run(count * operands * blocks, [&](int64_t part) {
        const int64_t which = part / blocks, matrix = first + which / operands;
        kernels_->pack(product, (which % operands ? b : a) + matrix * values,
                       part % blocks, room + which * packed);
      });
      team.Run(count * squares * squares, [&](int64_t part) {
        const int64_t left = part % squares, top = part / squares % squares;
        if (top > left) return;
        const int64_t which = part / (squares * squares);
        const int64_t matrix = first + which;
        const float* rows = room + which * operands * packed;
        kernels_->square(product, rows, rows + (operands - 1) * packed,
                         more ? more + matrix * area : nullptr,
                         coefficients + matrix * coefficient_step,
                         top * kSquare, left * kSquare, to + matrix * area);
      });
    }
  }

  bool transpose_;
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionSymmetricProduct").Device(tf::DEVICE_CPU),
    SymmetricProduct);

}  // namespace convnext_fusion_training

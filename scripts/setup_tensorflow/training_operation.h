// What our operations for training have in common.
#pragma once
#include <algorithm>
#include <vector>

#include "processor.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

namespace convnext_fusion_training {

namespace tf = tensorflow;
using convnext_fusion::Supported;

// Sums over rows are taken in so many parts, whatever the number of threads.
constexpr int64_t kParts = 8;

class Operation : public tf::OpKernel {
 public:
  using OpKernel::OpKernel;

 protected:
  static const float* Input(tf::OpKernelContext* context, int i) {
    return context->input(i).flat<float>().data();
  }

  static float* Output(tf::OpKernelContext* context, int i,
                       const tf::TensorShape& shape) {
    tf::Tensor* tensor = nullptr;
    const auto status = context->allocate_output(i, shape, &tensor);
    if (!status.ok()) context->CtxFailure(status);
    return tensor ? tensor->flat<float>().data() : nullptr;
  }

  // Work on [begin, end) of each part of a total.
  template <typename Work>
  static void InParts(tf::OpKernelContext* context, int64_t total,
                      int64_t parts, const Work& work) {
    auto workers = context->device()->tensorflow_cpu_worker_threads();
    tf::Shard(workers->num_threads, workers->workers, parts, 100000000,
              [&](int64_t first, int64_t last) {
                for (int64_t part = first; part < last; part++) {
                  work(part, total * part / parts, total * (part + 1) / parts);
                }
              });
  }

  // Adds the other parts' sums to the first's.
  static void AddParts(std::vector<float>& sums, int64_t size, int64_t parts) {
    float* to = sums.data();
    for (int64_t part = 1; part < parts; part++) {
      const float* from = to + part * size;
      for (int64_t i = 0; i < size; i++) to[i] += from[i];
    }
  }
};

// An operation of which each kind of processor has its own functions; a file's
// ProcessorKernels chooses them.
template <typename Kernels>
class Vectorized : public Operation {
 public:
  explicit Vectorized(tf::OpKernelConstruction* construction)
      : Operation(construction),
        kernels_(ProcessorKernels(static_cast<Kernels*>(nullptr))) {
    OP_REQUIRES(construction, kernels_ != nullptr,
                tf::errors::Unimplemented("needs AVX2"));
  }

 protected:
  const Kernels* kernels_;
};

}  // namespace convnext_fusion_training

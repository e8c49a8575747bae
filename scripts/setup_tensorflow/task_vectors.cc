// The sum of task vectors in one pass over memory: as differences and their sum
// it takes three for each model.
#include "training_operation.h"

namespace convnext_fusion_training {

// Values whose sums stay in the first cache.
constexpr int64_t kBlock = 4096;

FOR_EACH_PROCESSOR
void AddDifferences(const float* model, const float* start, int64_t count,
                    bool is_first, float* sum) {
  if (is_first) {
    for (int64_t i = 0; i < count; i++) sum[i] = model[i] - start[i];
  } else {
    for (int64_t i = 0; i < count; i++) sum[i] += model[i] - start[i];
  }
}

REGISTER_OP("ConvNextFusionSumOfDifferences")
    .Input("start: float")
    .Input("models: N * float")
    .Output("sum: float")
    .Attr("N: int >= 1")
    .SetShapeFn(tf::shape_inference::UnchangedShape);

class SumOfDifferences : public Operation {
 public:
  using Operation::Operation;

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape& shape = context->input(0).shape();
    for (int i = 1; i < context->num_inputs(); i++) {
      OP_REQUIRES(context, context->input(i).shape() == shape,
                  tf::errors::InvalidArgument("shapes do not fit"));
    }
    float* sum = Output(context, 0, shape);
    if (!context->status().ok()) return;
    const int64_t count = shape.num_elements();
    InParts(context, (count + kBlock - 1) / kBlock, kParts,
            [&](int64_t, int64_t begin, int64_t end) {
              for (int64_t block = begin; block < end; block++) {
                const int64_t at = block * kBlock;
                for (int i = 1; i < context->num_inputs(); i++) {
                  AddDifferences(Input(context, i) + at, Input(context, 0) + at,
                                 std::min(kBlock, count - at), i == 1,
                                 sum + at);
                }
              }
            });
  }
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionSumOfDifferences").Device(tf::DEVICE_CPU),
    SumOfDifferences);

}  // namespace convnext_fusion_training

// LayerNorm with its gradient in one pass each, and many weights as one vector
// and back: a small model has a hundred tensors, whose operations cost more
// than their arithmetic.
#include <cmath>

#include "training_operation.h"

namespace convnext_fusion_training {

#define FOR_EACH_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

constexpr int kLanes = 16;

// Sums in lanes, so that they vectorize without changing their order.
struct Lanes {
  float lanes[kLanes] = {};
  float Sum() const {
    float sum = 0;
    for (int i = 0; i < kLanes; i++) sum += lanes[i];
    return sum;
  }
};

FOR_EACH_PROCESSOR
void Normalize(const float* from, const float* weight, const float* bias,
               float epsilon, int64_t channels, int64_t rows, float* value,
               float* normal, float* inverse) {
  const int64_t whole = channels - channels % kLanes;
  for (int64_t row = 0; row < rows; row++) {
    const float* x = from + row * channels;
    float *y = value + row * channels, *n = normal + row * channels;
    Lanes sums;
    for (int64_t i = 0; i < whole; i += kLanes) {
      for (int j = 0; j < kLanes; j++) sums.lanes[j] += x[i + j];
    }
    for (int64_t i = whole; i < channels; i++) sums.lanes[0] += x[i];
    const float mean = sums.Sum() / channels;
    Lanes squares;
    for (int64_t i = 0; i < whole; i += kLanes) {
      for (int j = 0; j < kLanes; j++) {
        squares.lanes[j] += (x[i + j] - mean) * (x[i + j] - mean);
      }
    }
    for (int64_t i = whole; i < channels; i++) {
      squares.lanes[0] += (x[i] - mean) * (x[i] - mean);
    }
    const float scale = 1 / std::sqrt(squares.Sum() / channels + epsilon);
    inverse[row] = scale;
    for (int64_t i = 0; i < channels; i++) {
      n[i] = (x[i] - mean) * scale;
      y[i] = n[i] * weight[i] + bias[i];
    }
  }
}

FOR_EACH_PROCESSOR
void NormalizeGradient(const float* dy, const float* normal,
                       const float* inverse, const float* weight,
                       int64_t channels, int64_t rows, float* d_rows,
                       float* d_weight, float* d_bias) {
  const int64_t whole = channels - channels % kLanes;
  for (int64_t row = 0; row < rows; row++) {
    const float *d = dy + row * channels, *n = normal + row * channels;
    float* to = d_rows + row * channels;
    for (int64_t i = 0; i < channels; i++) {
      d_weight[i] += d[i] * n[i];
      d_bias[i] += d[i];
      to[i] = d[i] * weight[i];
    }
    Lanes along, all;
    for (int64_t i = 0; i < whole; i += kLanes) {
      for (int j = 0; j < kLanes; j++) {
        along.lanes[j] += to[i + j] * n[i + j];
        all.lanes[j] += to[i + j];
      }
    }
    for (int64_t i = whole; i < channels; i++) {
      along.lanes[0] += to[i] * n[i];
      all.lanes[0] += to[i];
    }
    const float slant = along.Sum() / channels, mean = all.Sum() / channels;
    for (int64_t i = 0; i < channels; i++) {
      to[i] = (to[i] - mean - n[i] * slant) * inverse[row];
    }
  }
}

REGISTER_OP("ConvNextFusionTrainNorm")
    .Input("features: float")
    .Input("weight: float")
    .Input("bias: float")
    .Output("value: float")
    .Output("normal: float")
    .Output("inverse: float")
    .Attr("epsilon: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class TrainNorm : public Operation {
 public:
  explicit TrainNorm(tf::OpKernelConstruction* construction)
      : Operation(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &epsilon_));
  }

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape shape = context->input(0).shape();
    const int64_t channels = context->input(1).NumElements();
    OP_REQUIRES(context,
                channels > 0 && context->input(2).NumElements() == channels &&
                    shape.dims() > 0 &&
                    shape.dim_size(shape.dims() - 1) == channels,
                tf::errors::InvalidArgument("shapes do not fit"));
    const int64_t rows = shape.num_elements() / channels;
    float* value = Output(context, 0, shape);
    float* normal = Output(context, 1, shape);
    float* inverse = Output(context, 2, {rows});
    if (!context->status().ok()) return;
    const float *from = Input(context, 0), *weight = Input(context, 1),
                *bias = Input(context, 2);
    InParts(context, rows, kParts, [&](int64_t, int64_t begin, int64_t end) {
      const int64_t at = begin * channels;
      Normalize(from + at, weight, bias, epsilon_, channels, end - begin,
                value + at, normal + at, inverse + begin);
    });
  }

 private:
  float epsilon_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionTrainNorm").Device(tf::DEVICE_CPU),
                        TrainNorm);

REGISTER_OP("ConvNextFusionTrainNormGradient")
    .Input("dy: float")
    .Input("normal: float")
    .Input("inverse: float")
    .Input("weight: float")
    .Output("d_features: float")
    .Output("d_weight: float")
    .Output("d_bias: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class TrainNormGradient : public Operation {
 public:
  using Operation::Operation;

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape shape = context->input(0).shape();
    const int64_t channels = context->input(3).NumElements();
    const int64_t rows = context->input(2).NumElements();
    OP_REQUIRES(context,
                shape.num_elements() == rows * channels &&
                    context->input(1).NumElements() == rows * channels,
                tf::errors::InvalidArgument("shapes do not fit"));
    float* d_features = Output(context, 0, shape);
    float* d_weight = Output(context, 1, {channels});
    float* d_bias = Output(context, 2, {channels});
    if (!context->status().ok()) return;
    const float *dy = Input(context, 0), *normal = Input(context, 1),
                *inverse = Input(context, 2), *weight = Input(context, 3);
    std::vector<float> sums(kParts * 2 * channels, 0.0f);
    InParts(context, rows, kParts, [&](int64_t part, int64_t begin,
                                       int64_t end) {
      const int64_t at = begin * channels;
      float* own = sums.data() + part * 2 * channels;
      NormalizeGradient(dy + at, normal + at, inverse + begin, weight, channels,
                        end - begin, d_features + at, own, own + channels);
    });
    AddParts(sums, 2 * channels, kParts);
    std::copy_n(sums.data(), channels, d_weight);
    std::copy_n(sums.data() + channels, channels, d_bias);
  }
};

REGISTER_KERNEL_BUILDER(
    Name("ConvNextFusionTrainNormGradient").Device(tf::DEVICE_CPU),
    TrainNormGradient);

REGISTER_OP("ConvNextFusionJoin")
    .Input("values: N * float")
    .Output("joined: float")
    .Attr("N: int >= 1")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Join : public Operation {
 public:
  using Operation::Operation;

  void Compute(tf::OpKernelContext* context) override {
    int64_t size = 0;
    for (int i = 0; i < context->num_inputs(); i++) {
      size += context->input(i).NumElements();
    }
    float* to = Output(context, 0, {size});
    if (!context->status().ok()) return;
    for (int i = 0; i < context->num_inputs(); i++) {
      to = std::copy_n(Input(context, i), context->input(i).NumElements(), to);
    }
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionJoin").Device(tf::DEVICE_CPU),
                        Join);

REGISTER_OP("ConvNextFusionPart")
    .Input("joined: float")
    .Input("like: N * float")
    .Output("values: N * float")
    .Attr("N: int >= 1")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Part : public Operation {
 public:
  using Operation::Operation;

  void Compute(tf::OpKernelContext* context) override {
    int64_t size = 0;
    for (int i = 1; i < context->num_inputs(); i++) {
      size += context->input(i).NumElements();
    }
    OP_REQUIRES(context, context->input(0).NumElements() == size,
                tf::errors::InvalidArgument("sizes do not fit"));
    const float* from = Input(context, 0);
    for (int i = 1; i < context->num_inputs(); i++) {
      const tf::TensorShape shape = context->input(i).shape();
      float* to = Output(context, i - 1, shape);
      if (!context->status().ok()) return;
      std::copy_n(from, shape.num_elements(), to);
      from += shape.num_elements();
    }
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionPart").Device(tf::DEVICE_CPU),
                        Part);

// What a step of Adam has to know beside tensors: the tensor of settings.
struct AdamSettings {
  float kept, decay, beta1, rest1, beta2, rest2, correction, epsilon, length;
};

FOR_EACH_PROCESSOR
void StepAdam(const AdamSettings& s, const float* point, const float* gradient,
              const float* mean, const float* square, int64_t size,
              float* __restrict next_point, float* __restrict next_mean,
              float* __restrict next_square) {
  for (int64_t i = 0; i < size; i++) {
    const float slope = gradient[i] + point[i] * s.decay;
    next_mean[i] = mean[i] * s.beta1 + slope * s.rest1;
    next_square[i] = square[i] * s.beta2 + slope * slope * s.rest2;
    const float divisor =
        std::sqrt(next_square[i]) * s.correction + s.epsilon;
    next_point[i] = point[i] * s.kept - next_mean[i] / divisor * s.length;
  }
}

REGISTER_OP("ConvNextFusionAdam")
    .Input("point: float")
    .Input("gradient: float")
    .Input("mean: float")
    .Input("square: float")
    .Input("settings: float")
    .Output("next_point: float")
    .Output("next_mean: float")
    .Output("next_square: float")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Adam : public Operation {
 public:
  using Operation::Operation;

  void Compute(tf::OpKernelContext* context) override {
    const tf::TensorShape shape = context->input(0).shape();
    OP_REQUIRES(context,
                context->input(4).NumElements() == 9 &&
                    context->input(1).shape() == shape &&
                    context->input(2).shape() == shape &&
                    context->input(3).shape() == shape,
                tf::errors::InvalidArgument("shapes do not fit"));
    float* next[3];
    for (int i = 0; i < 3; i++) next[i] = Output(context, i, shape);
    if (!context->status().ok()) return;
    AdamSettings settings;
    std::copy_n(Input(context, 4), 9, &settings.kept);
    const float *point = Input(context, 0), *gradient = Input(context, 1),
                *mean = Input(context, 2), *square = Input(context, 3);
    InParts(context, shape.num_elements(), kParts,
            [&](int64_t, int64_t begin, int64_t end) {
              StepAdam(settings, point + begin, gradient + begin, mean + begin,
                       square + begin, end - begin, next[0] + begin,
                       next[1] + begin, next[2] + begin);
            });
  }
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionAdam").Device(tf::DEVICE_CPU),
                        Adam);

}  // namespace convnext_fusion_training

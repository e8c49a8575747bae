// ConvNeXt without its head in one operation, for inference: its threads do not
// sleep until the last block is done, and nothing between blocks is anybody
// else's memory.
#include <algorithm>
#include <utility>
#include <vector>

#include "layer.h"
#include "layer_norm.h"
#include "patches.h"
#include "processor.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"

namespace convnext_fusion {

namespace tf = tensorflow;

// Weights, in this order: of the stem its patches' kernel and bias, and
// LayerNorm's weight and bias; of each further stage its LayerNorm's and its
// patches'; after the one or the other each block's, as ConvNextFusionLayer
// takes them; LayerNorm's of the pooled features.
REGISTER_OP("ConvNextFusionBackbone")
    .Input("image: float")
    .Input("weights: N * float")
    .Output("pooled: float")
    .Attr("N: int >= 1")
    .Attr("depths: list(int)")
    .Attr("epsilon: float")
    .Attr("last_epsilon: float")
    .Attr("activation: string")
    .SetShapeFn(tf::shape_inference::UnknownShape);

class Backbone : public tf::OpKernel {
 public:
  explicit Backbone(tf::OpKernelConstruction* construction)
      : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("depths", &depths_));
    OP_REQUIRES_OK(construction,
                   construction->GetAttr("last_epsilon", &last_epsilon_));
    OP_REQUIRES_OK(construction, options_.Read(construction));
    OP_REQUIRES(construction, IsSupported(),
                tf::errors::Unimplemented("needs AVX2"));
  }

  void Compute(tf::OpKernelContext* context) override {
    Features features;
    OP_REQUIRES_OK(context, ReadFeatures(context, &features));
    int64_t inputs = 1 + 4 * depths_.size() + 2;
    for (const int64_t depth : depths_) inputs += depth * kBlockInputs;
    OP_REQUIRES(context, context->num_inputs() == inputs,
                tf::errors::InvalidArgument("expected ", inputs, " inputs"));
    Pass pass(context, features, options_.epsilon);
    int next = 1;
    for (size_t stage = 0; stage < depths_.size(); stage++) {
      if (stage > 0) OP_REQUIRES_OK(context, pass.Normalize(next));
      OP_REQUIRES_OK(context, pass.Divide(next + (stage > 0 ? 2 : 0)));
      if (stage == 0) OP_REQUIRES_OK(context, pass.Normalize(next + 2));
      next += 4;
      for (int64_t i = 0; i < depths_[stage]; i++, next += kBlockInputs) {
        OP_REQUIRES_OK(context, pass.Block(next, options_));
      }
    }
    OP_REQUIRES_OK(context, pass.Pool(next, last_epsilon_));
  }

 private:
  // What was computed last, and room for what comes next.
  class Pass {
   public:
    Pass(tf::OpKernelContext* context, const Features& image, float epsilon)
        : context_(context),
          team_(context, kWholeModel),
          last_(image),
          epsilon_(epsilon) {}

    // LayerNorm, in place.
    tf::Status Normalize(int input) {
      TF_RETURN_IF_ERROR(CheckNorm(input));
      const int64_t rows = last_.rows(), channels = last_.channels;
      float* values = room_[0].flat<float>().data();
      team_.Run((rows + kRows - 1) / kRows, [&](int64_t part) {
        const int64_t first = part * kRows;
        float* at = values + first * channels;
        NormalizeRows(at, Input(input), Input(input + 1), epsilon_, channels,
                      std::min(kRows, rows - first), at);
      });
      return tf::OkStatus();
    }

    // A convolution of patches.
    tf::Status Divide(int input) {
      Patches patches;
      TF_RETURN_IF_ERROR(ReadPatches(context_, input, last_, &patches));
      const Features result = patches.Result(nullptr);
      float* to;
      TF_RETURN_IF_ERROR(Room(result, &to));
      if (result.rows() > 0) ComputePatches(team_, patches, to);
      Take(patches.Result(to));
      return tf::OkStatus();
    }

    tf::Status Block(int input, const BlockOptions& options) {
      convnext_fusion::Block block;
      TF_RETURN_IF_ERROR(
          ReadBlock(context_, input, last_.channels, options, &block));
      float* to;
      TF_RETURN_IF_ERROR(Room(last_, &to));
      if (last_.rows() > 0) ComputeBlock(team_, block, last_, to);
      Features result = last_;
      result.at = to;
      Take(result);
      return tf::OkStatus();
    }

    // The mean over an image's places, and LayerNorm.
    tf::Status Pool(int input, float epsilon) {
      TF_RETURN_IF_ERROR(CheckNorm(input));
      const int64_t channels = last_.channels;
      const int64_t places = last_.height * last_.width;
      tf::Tensor* pooled = nullptr;
      TF_RETURN_IF_ERROR(context_->allocate_output(
          0, tf::TensorShape({last_.images, channels}), &pooled));
      float* to = pooled->flat<float>().data();
      team_.Run(last_.images, [&](int64_t image) {
        float* mean = to + image * channels;
        std::fill_n(mean, channels, 0.0f);
        const float* from = last_.at + image * places * channels;
        // Lines first: one sum of thousands of places would lose digits.
        std::vector<float> line(channels);
        for (int64_t y = 0; y < last_.height; y++) {
          std::fill(line.begin(), line.end(), 0.0f);
          for (int64_t x = 0; x < last_.width; x++, from += channels) {
            for (int64_t c = 0; c < channels; c++) line[c] += from[c];
          }
          for (int64_t c = 0; c < channels; c++) mean[c] += line[c];
        }
        for (int64_t c = 0; c < channels; c++) mean[c] /= places;
        NormalizeRows(mean, Input(input), Input(input + 1), epsilon, channels,
                      1, mean);
      });
      return tf::OkStatus();
    }

   private:
    // Every thread there is.
    static constexpr double kWholeModel = 1e12;
    // Rows that a thread normalizes at once.
    static constexpr int64_t kRows = 64;

    const float* Input(int i) {
      return context_->input(i).flat<float>().data();
    }

    tf::Status CheckNorm(int input) {
      for (const int i : {input, input + 1}) {
        if (context_->input(i).NumElements() != last_.channels) {
          return tf::errors::InvalidArgument("LayerNorm does not fit ",
                                             last_.channels, " channels");
        }
      }
      return tf::OkStatus();
    }

    tf::Status Room(const Features& result, float** to) {
      const int64_t count = result.rows() * result.channels;
      if (room_[1].NumElements() < count) {
        TF_RETURN_IF_ERROR(context_->allocate_temp(
            tf::DT_FLOAT, tf::TensorShape({count}), &room_[1]));
      }
      *to = room_[1].flat<float>().data();
      return tf::OkStatus();
    }

    void Take(const Features& result) {
      last_ = result;
      std::swap(room_[0], room_[1]);
    }

    tf::OpKernelContext* context_;
    Team team_;
    Features last_;
    float epsilon_;
    // The first holds what was computed last.
    tf::Tensor room_[2];
  };

  std::vector<int64_t> depths_;
  float last_epsilon_;
  BlockOptions options_;
};

REGISTER_KERNEL_BUILDER(Name("ConvNextFusionBackbone").Device(tf::DEVICE_CPU),
                        Backbone);

}  // namespace convnext_fusion

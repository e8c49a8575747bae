// Images in the middle of a model.
#pragma once
#include "tensorflow/core/framework/op_kernel.h"

namespace convnext_fusion {

// [images, height, width, channels]
struct Features {
  const float* at;
  int64_t images, height, width, channels;

  // One for each place of each image.
  int64_t rows() const { return images * height * width; }
};

// An operation's first input.
inline tensorflow::Status ReadFeatures(tensorflow::OpKernelContext* context,
                                       Features* features) {
  const tensorflow::Tensor& input = context->input(0);
  if (input.dims() != 4) {
    return tensorflow::errors::InvalidArgument(
        "expected 4 axes, found ", input.shape().DebugString());
  }
  *features = {input.flat<float>().data(), input.dim_size(0), input.dim_size(1),
               input.dim_size(2), input.dim_size(3)};
  return tensorflow::OkStatus();
}

}  // namespace convnext_fusion

// Convolutions of patches that do not overlap, and how they are computed.
#pragma once
#include "features.h"
#include "product.h"
#include "team.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace convnext_fusion {

struct Patches {
  Features from;
  int64_t side;
  // [side * side * channels, out] and its bias.
  Layer layer;

  int64_t down() const { return from.height / side; }
  int64_t across() const { return from.width / side; }
  Features Result(const float* at) const {
    return {at, from.images, down(), across(), layer.out};
  }
  // Where line i of a row's patch begins.
  int64_t Place(int64_t row, int64_t i) const {
    const int64_t x = row % across(), y = row / across() % down(),
                  image = row / across() / down();
    return ((image * from.height + y * side + i) * from.width + x * side) *
           from.channels;
  }
};

// The kernel is input `first`, the bias the next one.
tensorflow::Status ReadPatches(tensorflow::OpKernelContext* context, int first,
                               const Features& from, Patches* patches);

void ComputePatches(Team& team, const Patches& patches, float* to);

}  // namespace convnext_fusion

// Depthwise convolutions and their gradients, for one kind of processor:
// training_depthwise.cc includes it once for each, see for_each_processor.h.

#include "vector_math.h"
#include "depthwise_rows.h"

// A depthwise convolution of an image.
inline void DepthwiseForward(const float* image, const float* filter,
                      const float* zeros, int64_t height, int64_t width,
                      int64_t channels, float* to, float* scratch) {
  for (int64_t c = 0; c < channels; c += VECTOR) {
    Surround(image + c, height, width, channels, VECTOR, scratch);
    ConvolveAll({filter + c, channels, false, zeros, 0, channels, VECTOR, to + c},
                scratch, height, width);
  }
}

// An image's part in a depthwise convolution's gradients; that of the input is
// added to the residual.
inline void Depthwise(const float* image, const float* d, const float* filter,
               const float* residual, int64_t height, int64_t width,
               int64_t channels, float* d_filter, float* d_image,
               float* scratch) {
  const int64_t row = (width + kFilter - 1) * VECTOR;
  float* inner = scratch;
  float* outer = scratch + (height + kFilter - 1) * row;
  for (int64_t c = 0; c < channels; c += VECTOR) {
    Surround(image + c, height, width, channels, VECTOR, inner);
    Surround(d + c, height, width, channels, VECTOR, outer);
    for (int i = 0; i < kFilter; i++) {
      Vector sums[kFilter] = {};
      for (int64_t y = 0; y < height; y++) {
        const float* from = inner + (y + i) * row;
        const float* by = outer + (y + kFilter / 2) * row + kFilter / 2 * VECTOR;
        for (int64_t x = 0; x < width; x++) {
          const Vector factor = Load(by + x * VECTOR);
#pragma GCC unroll 8
          for (int j = 0; j < kFilter; j++) {
            sums[j] += factor * Load(from + (x + j) * VECTOR);
          }
        }
      }
      for (int j = 0; j < kFilter; j++) {
        float* to = d_filter + (i * kFilter + j) * channels + c;
        Store(Load(to) + sums[j], to);
      }
    }
    ConvolveAll({filter + c, channels, true, residual + c, channels, channels,
                 VECTOR, d_image + c},
                outer, height, width);
  }
}

const DepthwiseKernels kKernels = {DepthwiseForward, Depthwise};

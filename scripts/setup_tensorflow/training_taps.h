// Depthwise convolutions and their gradients, for one kind of processor:
// training_depthwise.cc includes it once for each, see for_each_processor.h.

#include "training_products.h"

// VECTOR channels of an image, with zeros around.
inline void Surround(const float* from, int64_t height, int64_t width,
                     int64_t channels, float* to) {
  constexpr int64_t kEdge = kFilter / 2;
  const int64_t row = (width + 2 * kEdge) * VECTOR;
  std::fill(to, to + (height + 2 * kEdge) * row, 0.0f);
  for (int64_t y = 0; y < height; y++) {
    float* into = to + (y + kEdge) * row + kEdge * VECTOR;
    for (int64_t x = 0; x < width; x++) {
      Store(Load(from + (y * width + x) * channels), into + x * VECTOR);
    }
  }
}

// Some places of a depthwise convolution, or, mirrored, of its input's
// gradient: the filter's values times those around, plus what lies at start.
template <int kPlaces>
inline void Convolve(const float* around, int64_t row, const float* filter,
                     bool mirrored, int64_t channels, const float* start,
                     int64_t start_step, float* to) {
  Vector sums[kPlaces];
#pragma GCC unroll 8
  for (int p = 0; p < kPlaces; p++) sums[p] = Load(start + p * start_step);
  for (int i = 0; i < kFilter; i++) {
#pragma GCC unroll 8
    for (int j = 0; j < kFilter; j++) {
      const int tap = i * kFilter + j;
      const int64_t from = mirrored ? kFilter * kFilter - 1 - tap : tap;
      const Vector weight = Load(filter + from * channels);
      const float* at = around + i * row + j * VECTOR;
#pragma GCC unroll 8
      for (int p = 0; p < kPlaces; p++) sums[p] += weight * Load(at + p * VECTOR);
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < kPlaces; p++) Store(sums[p], to + p * channels);
}

// All places of VECTOR channels of an image; start's step is 0 for a bias.
inline void ConvolveAll(const float* around, const float* filter, bool mirrored,
                        int64_t height, int64_t width, int64_t channels,
                        const float* start, int64_t start_step, float* to) {
  const int64_t row = (width + kFilter - 1) * VECTOR;
  for (int64_t y = 0; y < height; y++) {
    int64_t x = 0;
    while (x < width) {
      const int64_t at = y * width + x;
      const float* from = around + y * row + x * VECTOR;
      const float* begin = start + at * start_step;
      float* into = to + at * channels;
      if (x + 4 <= width) {
        Convolve<4>(from, row, filter, mirrored, channels, begin, start_step,
                    into);
        x += 4;
      } else if (x + 2 <= width) {
        Convolve<2>(from, row, filter, mirrored, channels, begin, start_step,
                    into);
        x += 2;
      } else {
        Convolve<1>(from, row, filter, mirrored, channels, begin, start_step,
                    into);
        x++;
      }
    }
  }
}

// A depthwise convolution of an image.
inline void DepthwiseForward(const float* image, const float* filter,
                      const float* zeros, int64_t height, int64_t width,
                      int64_t channels, float* to, float* scratch) {
  for (int64_t c = 0; c < channels; c += VECTOR) {
    Surround(image + c, height, width, channels, scratch);
    ConvolveAll(scratch, filter + c, false, height, width, channels, zeros, 0,
                to + c);
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
    Surround(image + c, height, width, channels, inner);
    Surround(d + c, height, width, channels, outer);
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
    ConvolveAll(outer, filter + c, true, height, width, channels, residual + c,
                channels, d_image + c);
  }
}

const DepthwiseKernels kKernels = {DepthwiseForward, Depthwise};

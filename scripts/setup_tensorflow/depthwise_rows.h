// Depthwise convolutions of VECTOR channels of an image, for one kind of
// processor, with zeros around, so that no tap asks where it is. No include
// guard, see for_each_processor.h.

// Some channels of an image, at most VECTOR, with zeros around.
inline void Surround(const float* from, int64_t height, int64_t width,
                     int64_t channels, int64_t some, float* to) {
  constexpr int64_t kEdge = kFilter / 2;
  const int64_t row = (width + 2 * kEdge) * VECTOR;
  std::fill(to, to + (height + 2 * kEdge) * row, 0.0f);
  for (int64_t y = 0; y < height; y++) {
    float* into = to + (y + kEdge) * row + kEdge * VECTOR;
    for (int64_t x = 0; x < width; x++) {
      Store(LoadSome(from + (y * width + x) * channels, some),
            into + x * VECTOR);
    }
  }
}

// What some channels, at most VECTOR, are multiplied by, added to, and leave.
struct Taps {
  // [kFilter * kFilter][filter_step], whole registers of them.
  const float* filter;
  int64_t filter_step;
  // Of the gradient of its input.
  bool mirrored;
  // A value for each place, or, with a step of 0, for all of them.
  const float* start;
  int64_t start_step;
  int64_t channels, some;
  float* to;
};

// Some places of a row: each value around is read once for each row of the
// filter.
template <int kPlaces>
inline void Convolve(const Taps& taps, const float* around, int64_t row,
                     int64_t place) {
  Vector sums[kPlaces];
#pragma GCC unroll 8
  for (int p = 0; p < kPlaces; p++) {
    sums[p] = LoadSome(taps.start + (place + p) * taps.start_step, taps.some);
  }
  for (int i = 0; i < kFilter; i++) {
    Vector weights[kFilter];
#pragma GCC unroll 8
    for (int j = 0; j < kFilter; j++) {
      const int tap = i * kFilter + j;
      const int at = taps.mirrored ? kFilter * kFilter - 1 - tap : tap;
      weights[j] = Load(taps.filter + at * taps.filter_step);
    }
#pragma GCC unroll 16
    for (int x = 0; x < kPlaces + kFilter - 1; x++) {
      const Vector value = Load(around + i * row + x * VECTOR);
#pragma GCC unroll 8
      for (int p = 0; p < kPlaces; p++) {
        if (x >= p && x - p < kFilter) sums[p] += value * weights[x - p];
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < kPlaces; p++) {
    StoreSome(sums[p], taps.some, taps.to + (place + p) * taps.channels);
  }
}

template <int kPlaces>
inline void ConvolveRow(const Taps& taps, const float* around, int64_t y,
                        int64_t x, int64_t width) {
  const int64_t row = (width + kFilter - 1) * VECTOR;
  for (; x + kPlaces <= width; x += kPlaces) {
    Convolve<kPlaces>(taps, around + y * row + x * VECTOR, row, y * width + x);
  }
  if constexpr (kPlaces > 1) {
    if (x < width) ConvolveRow<kPlaces / 2>(taps, around, y, x, width);
  }
}

// All places of VECTOR channels of an image.
inline void ConvolveAll(const Taps& taps, const float* around, int64_t height,
                        int64_t width) {
  for (int64_t y = 0; y < height; y++) {
    ConvolveRow<kFilter>(taps, around, y, 0, width);
  }
}

// The arithmetic of training a ConvNeXt block, for one kind of processor:
// training_block.cc includes it once for each, with VECTOR values in a
// register, in a namespace and under a target of its own. No include guard.
// Channels are a multiple of 16.

typedef float Vector __attribute__((vector_size(4 * VECTOR)));
typedef int Integers __attribute__((vector_size(4 * VECTOR)));

inline Vector Load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}

inline void Store(const Vector& vector, float* to) {
  std::memcpy(to, &vector, sizeof(vector));
}

inline Vector Spread(float value) { return value - Vector{}; }

inline float Sum(const Vector& vector) {
  float sum = 0;
  for (int i = 0; i < VECTOR; i++) sum += vector[i];
  return sum;
}

// 1 + erf, by the rational function that Eigen takes.
inline Vector Gate(const Vector& u) {
  Vector t = u < -4.0f ? Spread(-4) : u;
  t = t > 4.0f ? Spread(4) : t;
  const Vector s = t * t;
  Vector p = Spread(-2.72614225801306e-10f);
  p = p * s + 2.77068142495902e-08f;
  p = p * s - 2.10102402082508e-06f;
  p = p * s - 5.69250639462346e-05f;
  p = p * s - 7.34990630326855e-04f;
  p = p * s - 2.95459980854025e-03f;
  p = p * s - 1.60960333262415e-02f;
  Vector q = Spread(-1.45660718464996e-05f);
  q = q * s - 2.13374055278905e-04f;
  q = q * s - 1.68282697438203e-03f;
  q = q * s - 7.37332916720468e-03f;
  q = q * s - 1.42647390514189e-02f;
  return t * p / q + 1.0f;
}

// The exponential of what is not positive: a power of 2 times a polynomial.
inline Vector Exponential(Vector x) {
  x = x < -87.0f ? Spread(-87) : x;
  const Integers power =
      __builtin_convertvector(x * 1.44269504088896341f - 0.5f, Integers);
  const Vector whole = __builtin_convertvector(power, Vector);
  const Vector r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Vector p = Spread(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * (Vector)((power + 127) << 23);
}

// Some rows and columns of a product; a's rows may lie beside each other.
template <int kRows, int kVectors>
inline void Part(const float* a, int64_t row_step, int64_t step, const float* b,
                 int64_t b_step, int64_t depth, const float* bias, bool add,
                 float* to, int64_t to_step) {
  Vector sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      sums[r][v] = add    ? Load(to + r * to_step + v * VECTOR)
                   : bias ? Load(bias + v * VECTOR)
                          : Vector{};
    }
  }
  for (int64_t k = 0; k < depth; k++) {
    Vector x[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) x[v] = Load(b + k * b_step + v * VECTOR);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++) {
      const Vector factor = Spread(a[r * row_step + k * step]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; v++) sums[r][v] += factor * x[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      Store(sums[r][v], to + r * to_step + v * VECTOR);
    }
  }
}

template <int kVectors>
inline void Columns(const float* a, int64_t row_step, int64_t step,
                    const float* b, int64_t b_step, int64_t depth,
                    int64_t rows, const float* bias, bool add, float* to,
                    int64_t to_step) {
  constexpr int kRows = VECTOR == 16 ? 8 : 4;
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    Part<kRows, kVectors>(a + row * row_step, row_step, step, b, b_step, depth,
                          bias, add, to + row * to_step, to_step);
  }
  for (; row < rows; row++) {
    Part<1, kVectors>(a + row * row_step, row_step, step, b, b_step, depth,
                      bias, add, to + row * to_step, to_step);
  }
}

// to[row][column] = bias[column] or what it was, plus the sum over k of
// a[row * row_step + k * step] b[k][column]; b may lie in panels.
inline void Multiply(const float* a, int64_t row_step, int64_t step,
                     const float* b, bool panels, int64_t depth, int64_t rows,
                     int64_t columns, const float* bias, bool add, float* to) {
  for (int64_t column = 0; column < columns; column += 2 * VECTOR) {
    const bool wide = columns - column >= 2 * VECTOR;
    const float* from = b + (panels ? column * depth : column);
    const int64_t b_step = !panels ? columns : wide ? 2 * VECTOR : VECTOR;
    const float* own_bias = bias ? bias + column : nullptr;
    if (wide) {
      Columns<2>(a, row_step, step, from, b_step, depth, rows, own_bias, add,
                 to + column, columns);
    } else {
      Columns<1>(a, row_step, step, from, b_step, depth, rows, own_bias, add,
                 to + column, columns);
    }
  }
}

// [depth][columns], or what it is the transpose of, into panels.
void Pack(const float* from, int64_t depth_step, int64_t column_step,
          int64_t depth, int64_t columns, float* to) {
  for (int64_t column = 0; column < columns; column += 2 * VECTOR) {
    const int64_t width = std::min<int64_t>(2 * VECTOR, columns - column);
    for (int64_t k = 0; k < depth; k++) {
      for (int64_t i = 0; i < width; i++) {
        *to++ = from[k * depth_step + (column + i) * column_step];
      }
    }
  }
}

void AddRows(const float* from, int64_t rows, int64_t columns, float* sums) {
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t c = 0; c < columns; c += VECTOR) {
      Store(Load(sums + c) + Load(from + row * columns + c), sums + c);
    }
  }
}

void Forward(const Folded& w, const float* mixed, const float* residual,
             int64_t rows, float* value, float* normal, float* inverse,
             float* argument, float* active) {
  const int64_t channels = w.channels, hidden = w.hidden;
  for (int64_t row = 0; row < rows; row++) {
    const float* x = mixed + row * channels;
    float* to = normal + row * channels;
    Vector sums = {};
    for (int64_t c = 0; c < channels; c += VECTOR) {
      const Vector sum = Load(x + c) + Load(w.filter_bias + c);
      sums += sum;
      Store(sum, to + c);
    }
    const float mean = Sum(sums) / channels;
    Vector squares = {};
    for (int64_t c = 0; c < channels; c += VECTOR) {
      const Vector centred = Load(to + c) - mean;
      squares += centred * centred;
    }
    const float scale = 1 / std::sqrt(Sum(squares) / channels + w.epsilon);
    inverse[row] = scale;
    for (int64_t c = 0; c < channels; c += VECTOR) {
      Store((Load(to + c) - mean) * scale, to + c);
    }
  }
  Multiply(normal, channels, 1, w.first, true, channels, rows, hidden,
           w.first_bias, false, argument);
  for (int64_t i = 0; i < rows * hidden; i += VECTOR) {
    const Vector u = Load(argument + i);
    Store(u * Gate(u), active + i);
  }
  Multiply(active, hidden, 1, w.second, true, hidden, rows, channels,
           w.second_bias, false, value);
  for (int64_t i = 0; i < rows * channels; i += VECTOR) {
    Store(Load(value + i) + Load(residual + i), value + i);
  }
}

void Backward(const Folded& w, const float* dy, const float* normal,
              const float* inverse, const float* argument, int64_t rows,
              const Sums& sums, float* d_mixed, float* active,
              float* d_argument) {
  const int64_t channels = w.channels, hidden = w.hidden;
  Multiply(dy, channels, 1, w.second, true, channels, rows, hidden, nullptr,
           false, d_argument);
  for (int64_t i = 0; i < rows * hidden; i += VECTOR) {
    const Vector u = Load(argument + i);
    const Vector gate = Gate(u);
    Store(u * gate, active + i);
    const Vector slope = gate + u * 1.12837916709551257f * Exponential(-u * u);
    Store(Load(d_argument + i) * slope, d_argument + i);
  }
  Multiply(active, 1, hidden, dy, false, rows, hidden, channels, nullptr, true,
           sums.second);
  Multiply(normal, 1, channels, d_argument, false, rows, channels, hidden,
           nullptr, true, sums.first);
  AddRows(dy, rows, channels, sums.second_bias);
  AddRows(d_argument, rows, hidden, sums.first_bias);
  Multiply(d_argument, hidden, 1, w.first, true, hidden, rows, channels,
           nullptr, false, d_mixed);
  for (int64_t row = 0; row < rows; row++) {
    float* d = d_mixed + row * channels;
    const float* n = normal + row * channels;
    Vector along = {}, all = {};
    for (int64_t c = 0; c < channels; c += VECTOR) {
      along += Load(d + c) * Load(n + c);
      all += Load(d + c);
    }
    const float slant = Sum(along) / channels, mean = Sum(all) / channels;
    for (int64_t c = 0; c < channels; c += VECTOR) {
      Store((Load(d + c) - mean - Load(n + c) * slant) * inverse[row], d + c);
    }
  }
  AddRows(d_mixed, rows, channels, sums.filter_bias);
}

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
void DepthwiseForward(const float* image, const float* filter,
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
void Depthwise(const float* image, const float* d, const float* filter,
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

const Kernels kKernels = {Pack, Forward, Backward, DepthwiseForward, Depthwise};

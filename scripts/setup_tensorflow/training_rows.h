// The arithmetic of training a ConvNeXt block, for one kind of processor:
// training_block.cc includes it once for each, see for_each_processor.h.

#include "training_products.h"

typedef int Integers __attribute__((vector_size(4 * VECTOR)));

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

inline void Forward(const Folded& w, const float* mixed, const float* residual,
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

inline void Backward(const Folded& w, const float* dy, const float* normal,
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

const BlockKernels kKernels = {Pack, Forward, Backward};

// Products of small matrices, for one kind of processor. Channels are a multiple
// of 16. No include guard, see for_each_processor.h.

#include "vector_math.h"

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
inline void Pack(const float* from, int64_t depth_step, int64_t column_step,
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

inline void AddRows(const float* from, int64_t rows, int64_t columns, float* sums) {
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t c = 0; c < columns; c += VECTOR) {
      Store(Load(sums + c) + Load(from + row * columns + c), sums + c);
    }
  }
}

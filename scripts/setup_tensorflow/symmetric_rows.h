// A product whose result is symmetric, for one kind of processor: its upper
// half is computed, the other copied. No include guard, see
// for_each_processor.h.

#include "training_products.h"

// Turns VECTOR rows of VECTOR values: each stage swaps squares of half the side.
template <int kSide = VECTOR / 2>
inline void Turn(Vector (&rows)[VECTOR]) {
  typedef int Places __attribute__((vector_size(4 * VECTOR)));
  Places upper, lower;
  for (int i = 0; i < VECTOR; i++) {
    upper[i] = i & kSide ? VECTOR + i - kSide : i;
    lower[i] = i & kSide ? VECTOR + i : i + kSide;
  }
#pragma GCC unroll 16
  for (int i = 0; i < VECTOR; i++) {
    if (i & kSide) continue;
    const Vector first = rows[i], second = rows[i + kSide];
    rows[i] = __builtin_shuffle(first, second, upper);
    rows[i + kSide] = __builtin_shuffle(first, second, lower);
  }
  if constexpr (kSide > 1) Turn<kSide / 2>(rows);
}

// Depths [0, length) of a group of rows, those of each depth side by side; 0 for
// rows that are not there.
inline void PackGroup(const Symmetric& product, const float* from,
                      int64_t group, int64_t k0, int64_t length, float* to) {
  const int64_t first = group * kGroup;
  const int64_t rows = std::min(kGroup, product.size - first);
  if (product.transpose) {
    for (int64_t k = 0; k < length; k++) {
      const float* row = from + (k0 + k) * product.size + first;
      for (int64_t i = 0; i < kGroup; i += VECTOR) {
        Store(LoadSome(row + i, rows - i), to + k * kGroup + i);
      }
    }
    return;
  }
  for (int64_t i = 0; i < kGroup; i += VECTOR) {
    for (int64_t k = 0; k < length; k += VECTOR) {
      Vector square[VECTOR];
#pragma GCC unroll 16
      for (int row = 0; row < VECTOR; row++) {
        square[row] = i + row < rows
                          ? LoadSome(from + (first + i + row) * product.depth +
                                         k0 + k,
                                     length - k)
                          : Vector{};
      }
      Turn(square);
#pragma GCC unroll 16
      for (int row = 0; row < VECTOR; row++) {
        if (k + row < length) Store(square[row], to + (k + row) * kGroup + i);
      }
    }
  }
}

inline void PackDepths(const Symmetric& product, const float* from,
                       int64_t block, float* to) {
  const int64_t k0 = block * kDepths;
  const int64_t length = std::min(kDepths, product.depth - k0);
  to += k0 * product.padded();
  for (int64_t group = 0; group < product.groups(); group++) {
    PackGroup(product, from, group, k0, length, to + group * kGroup * length);
  }
}

// A tile of kGroup rows and columns to its place, and to its mirrored one.
inline void StoreTile(const Symmetric& product, const float* tile,
                      const float* more, const float* coefficients,
                      int64_t top, int64_t left, float* to) {
  const int64_t size = product.size;
  const int64_t rows = std::min(kGroup, size - top);
  const int64_t columns = std::min(kGroup, size - left);
  const Vector p = Spread(coefficients[0]), q = Spread(coefficients[1]);
  float result[kGroup * kGroup];
  for (int64_t row = 0; row < rows; row++) {
    const int64_t at = (top + row) * size + left;
    for (int64_t i = 0; i < columns; i += VECTOR) {
      Vector value = p * Load(tile + row * kGroup + i);
      if (more) value += q * LoadSome(more + at + i, columns - i);
      Store(value, result + row * kGroup + i);
      if (top < left) StoreSome(value, columns - i, to + at + i);
    }
  }
  if (top == left) {
    for (int64_t i = 0; i < rows; i++) {
      result[i * kGroup + i] += coefficients[2];
      for (int64_t j = 0; j <= i; j++) {
        to[(top + i) * size + left + j] = to[(top + j) * size + left + i] =
            result[j * kGroup + i];
      }
    }
    return;
  }
  for (int64_t column = 0; column < columns; column++) {
    float* into = to + (left + column) * size + top;
    for (int64_t row = 0; row < rows; row++) {
      into[row] = result[row * kGroup + column];
    }
  }
}

// Groups [top, top + kSquare) of rows times those from `left` on of columns.
inline void Square(const Symmetric& product, const float* a, const float* b,
                   const float* more, const float* coefficients, int64_t top,
                   int64_t left, float* to) {
  constexpr int kRows = VECTOR == 16 ? 8 : 4;
  const int64_t tops = std::min(kSquare, product.groups() - top);
  const int64_t lefts = std::min(kSquare, product.groups() - left);
  // Lines of a large result would take the same few places of the cache.
  alignas(64) float tiles[kSquare][kSquare][kGroup * kGroup];
  for (int64_t k0 = 0; k0 < product.depth; k0 += kDepths) {
    const int64_t length = std::min(kDepths, product.depth - k0);
    const float* rows = a + k0 * product.padded() + top * kGroup * length;
    const float* columns = b + k0 * product.padded() + left * kGroup * length;
    for (int64_t j = 0; j < lefts; j++) {
      for (int64_t i = 0; i < tops && top + i <= left + j; i++) {
        for (int64_t column = 0; column < kGroup; column += 2 * VECTOR) {
          for (int64_t row = 0; row < kGroup; row += kRows) {
            Part<kRows, 2>(rows + i * kGroup * length + row, 1, kGroup,
                           columns + j * kGroup * length + column, kGroup,
                           length, nullptr, k0 > 0,
                           tiles[i][j] + row * kGroup + column, kGroup);
          }
        }
      }
    }
  }
  for (int64_t j = 0; j < lefts; j++) {
    for (int64_t i = 0; i < tops && top + i <= left + j; i++) {
      StoreTile(product, tiles[i][j], more, coefficients, (top + i) * kGroup,
                (left + j) * kGroup, to);
    }
  }
}

const SymmetricKernels kKernels = {PackDepths, Square};

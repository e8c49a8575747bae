// A product whose result is symmetric, for one kind of processor: its upper
// half is computed, the other copied. No include guard, see
// for_each_processor.h.

#include "training_products.h"

// A group of rows, value k of all of them side by side, in blocks of depths.
inline void PackGroup(const float* from, int64_t row_step, int64_t step,
                      int64_t size, int64_t depth, int64_t group, float* to) {
  const float* first = from + group * kGroup * row_step;
  for (int64_t k0 = 0; k0 < depth; k0 += kDepths) {
    const int64_t length = std::min(kDepths, depth - k0);
    float* block = to + k0 * size + group * kGroup * length;
    for (int64_t row = 0; row < kGroup; row++) {
      for (int64_t k = 0; k < length; k++) {
        block[k * kGroup + row] = first[row * row_step + (k0 + k) * step];
      }
    }
  }
}

// A group of columns from the top to the diagonal, and the rows it mirrors to.
inline void SymmetricColumns(const float* a, const float* b, int64_t size,
                             int64_t depth, int64_t group, float* to) {
  constexpr int kRows = VECTOR == 16 ? 8 : 4;
  const int64_t left = group * kGroup;
  for (int64_t top = 0; top <= left; top += kGroup) {
    // Lines of a large result would take the same few places of the cache.
    alignas(64) float tile[kGroup * kGroup];
    for (int64_t k0 = 0; k0 < depth; k0 += kDepths) {
      const int64_t length = std::min(kDepths, depth - k0);
      const float* rows = a + k0 * size + top * length;
      const float* columns = b + k0 * size + left * length;
      for (int64_t row = 0; row < kGroup; row += kRows) {
        for (int64_t column = 0; column < kGroup; column += 2 * VECTOR) {
          Part<kRows, 2>(rows + row, 1, kGroup, columns + column, kGroup,
                         length, nullptr, k0 > 0,
                         tile + row * kGroup + column, kGroup);
        }
      }
    }
    for (int64_t row = 0; row < kGroup; row++) {
      for (int64_t i = 0; i < kGroup; i++) {
        to[(left + row) * size + top + i] = tile[i * kGroup + row];
      }
    }
    if (top == left) break;
    for (int64_t row = 0; row < kGroup; row++) {
      std::memcpy(to + (top + row) * size + left, tile + row * kGroup,
                  sizeof(float) * kGroup);
    }
  }
}

const SymmetricKernels kKernels = {PackGroup, SymmetricColumns};

// Convolutions of patches that do not overlap, for one kind of processor:
// convnext_patches.cc includes it once for each, see for_each_processor.h.

#include "vector_math.h"
#include "product_rows.h"

// Copies the patches of rows [begin, end) to tiles of their own.
void Gather(const Patches& patches, int64_t begin, int64_t end, float* patch,
            const Rows& to) {
  const float* image = patches.from.at;
  const int64_t line = patches.side * patches.from.channels;
  const int64_t depth = patches.layer.in;
  for (int64_t row = begin; row < end; row++) {
    for (int64_t i = 0; i < patches.side; i++) {
      std::copy_n(image + patches.Place(row, i), line, patch + i * line);
    }
    const int64_t at = row - begin;
    float* into = to.at + at / kTile * to.tile + at % kTile * to.row;
    for (int64_t k = 0; k < depth; k += VECTOR, into += to.next) {
      StoreSome(LoadSome(patch + k, depth - k), depth - k, into);
    }
  }
}

const PatchKernels kKernels = {VECTOR, kTile, InTiles, Gather, Multiply};

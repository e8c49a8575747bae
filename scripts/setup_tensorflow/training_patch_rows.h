// Convolutions of patches that do not overlap, for one kind of processor:
// training_patches.cc includes it once for each, see for_each_processor.h.

#include "training_products.h"

// Copies the patches of rows [begin, end) to a matrix.
inline void Gather(const Patches& p, const float* image, int64_t begin,
                   int64_t end, float* to) {
  const int64_t line = p.side * p.channels;
  for (int64_t row = begin; row < end; row++) {
    for (int64_t i = 0; i < p.side; i++, to += line) {
      std::copy_n(image + p.Place(row, i), line, to);
    }
  }
}

// Copies a matrix of patches to where they lie.
inline void Return(const Patches& p, const float* from, int64_t begin,
                   int64_t end, float* image) {
  const int64_t line = p.side * p.channels;
  for (int64_t row = begin; row < end; row++) {
    for (int64_t i = 0; i < p.side; i++, from += line) {
      std::copy_n(from, line, image + p.Place(row, i));
    }
  }
}

inline void Forward(const Patches& p, const float* image, const float* packed,
                    const float* bias, int64_t begin, int64_t end, float* value,
                    float* patches) {
  Gather(p, image, begin, end, patches);
  Multiply(patches, p.depth(), 1, packed, true, p.depth(), end - begin, p.out,
           bias, false, value + begin * p.out);
}

inline void Backward(const Patches& p, const float* image, const float* packed,
                     const float* dy, int64_t begin, int64_t end,
                     float* d_kernel, float* d_bias, float* d_image,
                     float* patches) {
  const float* d = dy + begin * p.out;
  Gather(p, image, begin, end, patches);
  Multiply(patches, 1, p.depth(), d, false, end - begin, p.depth(), p.out,
           nullptr, true, d_kernel);
  AddRows(d, end - begin, p.out, d_bias);
  if (d_image == nullptr) return;
  Multiply(d, p.out, 1, packed, true, p.out, end - begin, p.depth(), nullptr,
           false, patches);
  Return(p, patches, begin, end, d_image);
}

const PatchKernels kKernels = {Pack, Forward, Backward};

// Memory that a thread keeps for its next operations.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace convnext_fusion {

// Room for so many values, whole lines of the cache, until the thread asks
// again. It is kept because each page of new memory costs a fault; what one huge
// image took is let go.
inline float* ThreadMemory(int64_t count) {
  constexpr int64_t kLine = 64;
  constexpr int64_t kKept = int64_t{1} << 24;
  struct Free {
    void operator()(float* values) const { std::free(values); }
  };
  static thread_local std::unique_ptr<float[], Free> kept;
  static thread_local int64_t room = 0;
  if (count > room || (room > kKept && count <= kKept)) {
    kept.reset();
    room = (count * sizeof(float) + kLine - 1) / kLine * kLine / sizeof(float);
    kept.reset(static_cast<float*>(
        std::aligned_alloc(kLine, room * sizeof(float))));
  }
  return kept.get();
}

}  // namespace convnext_fusion

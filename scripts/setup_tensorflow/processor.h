// Which code this processor runs.
#pragma once

namespace convnext_fusion {

// The functions for this processor, or nothing: then an operation is not there.
template <typename Kernels>
const Kernels* Supported(const Kernels* avx512, const Kernels* avx2) {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return avx2;
  }
  return nullptr;
}

}  // namespace convnext_fusion

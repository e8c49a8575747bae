// Which code this processor runs.
#pragma once

// Compiles a function for three kinds of processor, and chooses when it runs.
#define FOR_EACH_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

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

// Whether this processor runs them at all.
inline bool IsSupported() {
  constexpr char kAny = 0;
  return Supported(&kAny, &kAny) != nullptr;
}

}  // namespace convnext_fusion

// LayerNorm over the last axis.
#pragma once
#include <cstdint>

namespace convnext_fusion {

// May be done in place.
void NormalizeRows(const float* from, const float* weight, const float* bias,
                   float epsilon, int64_t channels, int64_t rows, float* to);

}  // namespace convnext_fusion

// What a product of ours is made of.
#pragma once
#include <algorithm>
#include <cstdint>

namespace convnext_fusion {

// Columns of a matrix that are packed together.
constexpr int64_t kPanel = 32;

inline int64_t Panels(int64_t columns) {
  return (columns + kPanel - 1) / kPanel;
}

enum class Activation { kNone, kGelu, kRelu };

// A matrix and a bias.
struct Layer {
  int64_t in, out;
  const float* weights;
  const float* bias;
  // From a row of a panel to the next, from a panel to the next.
  int64_t row, panel;

  // Packed as [panels][in][kPanel].
  static Layer Packed(int64_t in, int64_t out, const float* weights,
                      const float* bias) {
    return {in, out, weights, bias, kPanel, in * kPanel};
  }
  // As it is, [in][out]: whole panels.
  static Layer Plain(int64_t in, int64_t out, const float* weights,
                     const float* bias) {
    return {in, out, weights, bias, out, kPanel};
  }
};

// Rows that a product reads lie in tiles of as many as a processor's registers
// take: [tiles][depth / lanes][tile][lanes]. What it leaves may lie so too, or
// row by row.
struct Rows {
  float* at;
  // From a register's values to the next of the row, from a row to the next of
  // its tile, from a tile to the next.
  int64_t next, row, tile;

  Rows From(int64_t tiles, int64_t registers) const {
    return {at + tiles * tile + registers * next, next, row, tile};
  }
};

// Values [first, last) of rows times a layer, from the first on. Plus the bias,
// or plus what is there already.
struct Product {
  const Layer* layer;
  int64_t first, last;
  Rows from, to;
  bool adds;
  Activation activation;
};

}  // namespace convnext_fusion

// The arithmetic of ConvNeXt's block on a group of rows, for one kind of
// processor: convnext_block.cc includes it once for each, see
// for_each_processor.h.
//
// Rows are turned into tiles [channels][kTile]: a register holds one channel of
// VECTOR rows, a weight is spread over a register. So what one product leaves
// is what the next one takes, and LayerNorm has no sums across a register.

#include "vector_math.h"

typedef int Indices __attribute__((vector_size(4 * VECTOR)));

constexpr int kTile = 2 * VECTOR;
// Columns at once: accumulators fill the registers but for four.
constexpr int kColumns = VECTOR == 16 ? kPanel : kPanel / 2;

// x (1 + erf(x / sqrt 2)) / 2.
inline Vector Gelu(const Vector& x) {
  return (x * 0.5f) * Gate(x * 0.70710678118654752f);
}

// Turns VECTOR x VECTOR values over: log2(VECTOR) rounds of exchanges.
inline void Transpose(Vector* v) {
#pragma GCC unroll 4
  for (int half = 1; half < VECTOR; half *= 2) {
    Indices low, high;
#pragma GCC unroll 16
    for (int i = 0; i < VECTOR; i++) {
      low[i] = i & half ? VECTOR + i - half : i;
      high[i] = i & half ? VECTOR + i : i + half;
    }
#pragma GCC unroll 16
    for (int i = 0; i < VECTOR; i++) {
      if (i & half) continue;
      const Vector a = v[i], b = v[i + half];
      v[i] = __builtin_shuffle(a, b, low);
      v[i + half] = __builtin_shuffle(a, b, high);
    }
  }
}

// [rows][channels] -> [channels][kTile], zeros for the rows that are not there.
inline void ToTile(const float* from, int64_t rows, int64_t channels,
                   float* tile) {
  for (int64_t row = 0; row < kTile; row += VECTOR) {
    for (int64_t c = 0; c < channels; c += VECTOR) {
      const int64_t width = std::min<int64_t>(VECTOR, channels - c);
      Vector v[VECTOR];
      for (int64_t i = 0; i < VECTOR; i++) {
        const float* at = from + (row + i) * channels + c;
        if (row + i >= rows) {
          v[i] = Vector{};
        } else if (width == VECTOR) {
          v[i] = Load(at);
        } else {
          v[i] = Vector{};
          std::memcpy(&v[i], at, width * sizeof(float));
        }
      }
      Transpose(v);
      for (int64_t i = 0; i < width; i++) {
        Store(v[i], tile + (c + i) * kTile + row);
      }
    }
  }
}

// [channels][kTile] plus [rows][channels] -> [rows][channels].
inline void FromTile(const float* tile, const float* residual, int64_t rows,
                     int64_t begin, int64_t end, int64_t channels, float* to) {
  for (int64_t row = 0; row < rows; row += VECTOR) {
    for (int64_t c = begin; c < end; c += VECTOR) {
      const int64_t width = std::min<int64_t>(VECTOR, end - c);
      Vector v[VECTOR];
      for (int64_t i = 0; i < VECTOR; i++) {
        v[i] = i < width ? Load(tile + (c + i) * kTile + row) : Vector{};
      }
      Transpose(v);
      for (int64_t i = 0; i < std::min<int64_t>(VECTOR, rows - row); i++) {
        const int64_t at = (row + i) * channels + c;
        if (width == VECTOR) {
          Store(v[i] + Load(residual + at), to + at);
        } else {
          for (int64_t j = 0; j < width; j++) {
            to[at + j] = v[i][j] + residual[at + j];
          }
        }
      }
    }
  }
}

// LayerNorm of a tile, in its place.
inline void Normalize(float* tile, int64_t channels, const float* weight,
                      const float* bias, float epsilon) {
  for (int64_t at = 0; at < kTile; at += VECTOR) {
    float* x = tile + at;
    Vector sum = {};
    for (int64_t c = 0; c < channels; c++) sum += Load(x + c * kTile);
    const Vector mean = sum / static_cast<float>(channels);
    Vector squares = {};
    for (int64_t c = 0; c < channels; c++) {
      const Vector centred = Load(x + c * kTile) - mean;
      squares += centred * centred;
    }
    Vector scale = squares / static_cast<float>(channels) + epsilon;
    for (int i = 0; i < VECTOR; i++) scale[i] = 1 / std::sqrt(scale[i]);
    for (int64_t c = 0; c < channels; c++) {
      Store((Load(x + c * kTile) - mean) * scale * weight[c] + bias[c],
            x + c * kTile);
    }
  }
}

// kColumns columns of a tile's product: [in][kTile] times [in][kPanel].
template <int kVectors>
inline void Columns(const float* tile, const float* weights, const float* bias,
                    int64_t in, int64_t columns, Activation activation,
                    float* to) {
  Vector sums[kColumns][kVectors];
#pragma GCC unroll 16
  for (int column = 0; column < kColumns; column++) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) sums[column][v] = Vector{};
  }
#pragma GCC unroll 2
  for (int64_t k = 0; k < in; k++) {
    Vector x[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      x[v] = Load(tile + k * kTile + v * VECTOR);
    }
#pragma GCC unroll 16
    for (int column = 0; column < kColumns; column++) {
      const Vector weight = Spread(weights[k * kPanel + column]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; v++) sums[column][v] += x[v] * weight;
    }
  }
#pragma GCC unroll 16
  for (int column = 0; column < kColumns; column++) {
    if (column >= columns) break;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v++) {
      Vector y = sums[column][v] + bias[column];
      if (activation == Activation::kGelu) y = Gelu(y);
      if (activation == Activation::kRelu) y = y > 0.0f ? y : Vector{};
      Store(y, to + column * kTile + v * VECTOR);
    }
  }
}

// Panels [begin, end) of the product of consecutive tiles.
void Product(const float* tiles, int64_t rows, const Layer& layer,
             int64_t begin, int64_t end, Activation activation, float* to) {
  for (int64_t panel = begin; panel < end; panel++) {
    for (int64_t row = 0; row < rows; row += kTile) {
      for (int64_t c = 0; c < kPanel; c += kColumns) {
        const int64_t first = panel * kPanel + c;
        const int64_t columns = std::min<int64_t>(kColumns, layer.out - first);
        if (columns <= 0) break;
        const float* weights = layer.packed + panel * kPanel * layer.in + c;
        const float* tile = tiles + row * layer.in;
        float* into = to + row * layer.out + first * kTile;
        const float* bias = layer.bias + first;
        if (rows - row > VECTOR) {
          Columns<2>(tile, weights, bias, layer.in, columns, activation, into);
        } else {
          Columns<1>(tile, weights, bias, layer.in, columns, activation, into);
        }
      }
    }
  }
}

// What comes before the first product, of rows as they are.
void Enter(const Block& block, const float* rows_from, int64_t rows,
           float* tiles) {
  const int64_t channels = block.spread.in;
  for (int64_t row = 0; row < rows; row += kTile) {
    float* tile = tiles + row * channels;
    ToTile(rows_from + row * channels, rows - row, channels, tile);
    Normalize(tile, channels, block.norm_weight, block.norm_bias,
              block.epsilon);
  }
}

// What comes after the second: channels [begin, end) of tiles, and residuals.
void Leave(const Block& block, const float* tiles, const float* residual,
           int64_t rows, int64_t begin, int64_t end, float* to) {
  const int64_t channels = block.spread.in;
  for (int64_t row = 0; row < rows; row += kTile) {
    FromTile(tiles + row * channels, residual + row * channels,
             std::min<int64_t>(kTile, rows - row), begin, end, channels,
             to + row * channels);
  }
}

const Kernels kKernels = {kTile, Enter, Product, Leave};

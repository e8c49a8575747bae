// Pointwise products, for one kind of processor. No include guard, see
// for_each_processor.h.
//
// A register holds VECTOR columns of a row; a value of a row is spread over one.
// Sums of kTile rows and two registers' columns stay in registers.

// ConvNeXt's images of 224 have multiples of 7 rows at every stage.
constexpr int kTile = VECTOR == 16 ? 14 : 6;
constexpr int kColumns = 2 * VECTOR;
// Rows of weights that are asked of memory ahead of time.
constexpr int64_t kAhead = 24;

// x (1 + erf(x / sqrt 2)) / 2.
inline Vector Gelu(const Vector& x) {
  return (x * 0.5f) * Gate(x * 0.70710678118654752f);
}

inline Vector Activate(const Vector& x, Activation activation) {
  if (activation == Activation::kGelu) return Gelu(x);
  // What is not a number stays so.
  if (activation == Activation::kRelu) return x < 0.0f ? Vector{} : x;
  return x;
}

// How rows of a tile lie that a product reads.
inline Rows InTiles(float* at, int64_t depth) {
  const int64_t registers = (depth + VECTOR - 1) / VECTOR;
  return {at, kTile * VECTOR, VECTOR, registers * kTile * VECTOR};
}

// kRows rows of some columns, at most kColumns. Not inlined: what others keep in
// registers would push the sums out.
template <int kRows>
__attribute__((noinline)) void Tile(const Product& product,
                                    const float* from, const float* weights,
                                    const float* bias, int64_t columns,
                                    float* to) {
  const int64_t step = product.layer->row, ahead = kAhead * step;
  Vector sums[kRows][2] = {};
  for (int64_t left = product.last - product.first; left > 0; left -= VECTOR) {
    const int64_t some = std::min<int64_t>(VECTOR, left);
    for (int64_t k = 0; k < some; k++) {
      const Vector first = Load(weights), second = Load(weights + VECTOR);
      __builtin_prefetch(weights + ahead);
      __builtin_prefetch(weights + ahead + VECTOR);
#pragma GCC unroll 16
      for (int row = 0; row < kRows; row++) {
        const Vector factor = Spread(from[row * VECTOR + k]);
        sums[row][0] += factor * first;
        sums[row][1] += factor * second;
      }
      weights += step;
    }
    from += kTile * VECTOR;
  }
  const int64_t next = product.to.next;
#pragma GCC unroll 16
  for (int row = 0; row < kRows; row++) {
    float* into = to + row * product.to.row;
    const float* more = product.adds ? into : bias;
    const int64_t width = product.adds ? next : VECTOR;
    const int64_t rest = columns - VECTOR;
    const Vector first = sums[row][0] + LoadSome(more, columns);
    const Vector second = sums[row][1] + LoadSome(more + width, rest);
    StoreSome(Activate(first, product.activation), columns, into);
    StoreSome(Activate(second, product.activation), rest, into + next);
  }
}

// The rows of a tile that are there: kRows, or fewer.
template <int kRows>
inline void SomeOfTile(const Product& product, int64_t row, int64_t rows,
                       const float* from, const float* weights,
                       const float* bias, int64_t columns, float* to) {
  for (; row + kRows <= rows; row += kRows) {
    Tile<kRows>(product, from + row * VECTOR, weights, bias, columns,
                to + row * product.to.row);
  }
  if constexpr (kRows > 1) {
    if (row < rows) {
      SomeOfTile<kRows / 2>(product, row, rows, from, weights, bias, columns,
                            to);
    }
  }
}

// Panels [begin, end) of a product; its result is where the first of them goes.
inline void Multiply(const Product& product, int64_t rows, int64_t begin,
                     int64_t end) {
  const Layer& layer = *product.layer;
  const int64_t last = std::min(end * kPanel, layer.out);
  for (int64_t panel = begin; panel < end; panel++) {
    const float* weights =
        layer.weights + panel * layer.panel + product.first * layer.row;
    for (int64_t c = 0; c < kPanel; c += kColumns) {
      const int64_t column = panel * kPanel + c;
      if (column >= last) break;
      float* to = product.to.at +
                  (column - begin * kPanel) / VECTOR * product.to.next;
      for (int64_t row = 0; row < rows; row += kTile) {
        const int64_t tile = row / kTile;
        SomeOfTile<kTile>(product, 0, std::min<int64_t>(kTile, rows - row),
                          product.from.at + tile * product.from.tile,
                          weights + c, layer.bias + column,
                          std::min<int64_t>(kColumns, last - column),
                          to + tile * product.to.tile);
      }
    }
  }
}

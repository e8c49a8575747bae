// The arithmetic of ConvNeXt's layer, for one kind of processor:
// convnext_layer.cc includes it once for each, see for_each_processor.h.

#include "vector_math.h"
#include "product_rows.h"
#include "depthwise_rows.h"

// The depthwise convolution of VECTOR channels of an image, from the first.
void Mix(const Block& block, const float* image, int64_t height, int64_t width,
         int64_t first, float* scratch, float* to) {
  const int64_t channels = block.spread.in;
  const int64_t some = std::min<int64_t>(VECTOR, channels - first);
  const int64_t panel = first / kPanel;
  const float* filter = block.filter +
                        panel * kFilter * kFilter * kPanel + first % kPanel;
  Surround(image + first, height, width, channels, some, scratch);
  ConvolveAll({filter, kPanel, false, block.filter_bias + first, 0, channels,
               some, to + first},
              scratch, height, width);
}

// LayerNorm of rows. What they leave behind is what the layer's result begins
// with: residual and bias.
void Enter(const Block& block, const float* residual, int64_t rows, float* mixed,
           const Rows& to) {
  const int64_t channels = block.spread.in;
  const int64_t whole = channels / VECTOR * VECTOR;
  for (int64_t row = 0; row < rows; row++) {
    float* x = mixed + row * channels;
    float* into = to.at + row / kTile * to.tile + row % kTile * to.row;
    Vector sums = {};
    for (int64_t c = 0; c < channels; c += VECTOR) {
      sums += LoadSome(x + c, channels - c);
    }
    const float mean = Sum(sums) / channels;
    Vector squares = {};
    for (int64_t c = 0; c < whole; c += VECTOR) {
      const Vector centred = Load(x + c) - mean;
      squares += centred * centred;
    }
    float square = Sum(squares);
    for (int64_t c = whole; c < channels; c++) {
      square += (x[c] - mean) * (x[c] - mean);
    }
    const float scale = 1 / std::sqrt(square / channels + block.epsilon);
    for (int64_t c = 0; c < channels; c += VECTOR, into += to.next) {
      const int64_t some = channels - c;
      auto of = [&](const float* values) { return LoadSome(values + c, some); };
      StoreSome((of(x) - mean) * scale * of(block.norm_weight) +
                    of(block.norm_bias),
                some, into);
      StoreSome(of(residual + row * channels) + of(block.gather.bias), some,
                x + c);
    }
  }
}

const Kernels kKernels = {VECTOR, kTile, InTiles, Mix, Enter, Multiply};

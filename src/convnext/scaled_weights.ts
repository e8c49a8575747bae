import * as tf from "@tensorflow/tfjs";

/** A product's weights with the layer scale multiplied in. */
export interface Scaled {
  /** [in, out] */
  kernel: tf.Tensor2D;
  /** [out] */
  bias: tf.Tensor;
}

/**
 * Keeps the product of weights and layer scale, so that inference need not
 * scale what it multiplies them by. A variable that is written to has other
 * data: then they are made anew.
 */
export class ScaledWeights {
  #sources: tf.DataId[] = [];
  #scaled: Scaled | undefined;

  /**
   * The weights times the scale; they stay this object's.
   *
   * @param kernel [in, out]
   * @param bias [out]
   * @param scale [out]
   */
  of(kernel: tf.Tensor2D, bias: tf.Tensor, scale: tf.Tensor): Scaled {
    const sources = [kernel, bias, scale].map(({ dataId }) => dataId);
    if (
      this.#scaled === undefined ||
      sources.some((dataId, i) => dataId !== this.#sources[i])
    ) {
      this.dispose();
      this.#sources = sources;
      this.#scaled = {
        kernel: tf.keep(tf.mul(kernel, scale)),
        bias: tf.keep(tf.mul(bias, scale)),
      };
    }
    return this.#scaled;
  }

  /** Releases what is kept. */
  dispose(): void {
    this.#scaled?.kernel.dispose();
    this.#scaled?.bias.dispose();
    this.#scaled = undefined;
    this.#sources = [];
  }
}

import * as tf from "@tensorflow/tfjs";

/** Means over all rows of rows' products with themselves, by name. */
export class GramMatrices {
  readonly #sums = new Map<string, { sum: tf.Tensor2D; rows: number }>();

  /** Adds rows, [rows, in], to the matrix of a name. */
  add(name: string, rows: tf.Tensor2D): void {
    const before = this.#sums.get(name);
    const sum = tf.tidy(() => {
      const gram = tf.matMul(rows, rows, true, false);
      return tf.keep(before ? tf.add(before.sum, gram) : gram) as tf.Tensor2D;
    });
    before?.sum.dispose();
    this.#sums.set(name, {
      sum,
      rows: (before?.rows ?? 0) + rows.shape[0],
    });
  }

  /** The means, [in, in], for the caller to dispose of; nothing stays here. */
  take(): Map<string, tf.Tensor2D> {
    const means = new Map<string, tf.Tensor2D>();
    for (const [name, { sum, rows }] of this.#sums) {
      means.set(name, tf.div(sum, rows) as tf.Tensor2D);
      sum.dispose();
    }
    this.#sums.clear();
    return means;
  }

  /** Releases what has not been taken. */
  dispose(): void {
    for (const { sum } of this.#sums.values()) sum.dispose();
    this.#sums.clear();
  }
}

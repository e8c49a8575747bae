import type * as tf from "@tensorflow/tfjs";

/** matrix = u diag(s) vᵀ, with r = min(rows, columns). */
export interface Svd {
  /** Left singular vectors in columns: [rows, r]. */
  readonly u: tf.Tensor2D;
  /** Singular values, descending: [r]. */
  readonly s: tf.Tensor1D;
  /** Right singular vectors in rows: [r, columns]. */
  readonly vt: tf.Tensor2D;
}

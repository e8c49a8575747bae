import * as tf from "@tensorflow/tfjs";
import { hasNativeOps } from "../../backend/mod.ts";

/**
 * a bᵀ. The wasm backend multiplies with a transposed operand fifteen times
 * slower than with one that was transposed before; TensorFlow's library as
 * fast, and without a copy.
 *
 * @param a [rows, inner].
 * @param b [columns, inner].
 */
export function timesTransposed(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return hasNativeOps()
    ? tf.matMul(a, b, false, true)
    : tf.tidy(() => tf.matMul(a, tf.transpose(b)));
}

/**
 * aᵀ b, as {@linkcode timesTransposed}.
 *
 * @param a [inner, rows].
 * @param b [inner, columns].
 */
export function transposedTimes(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return hasNativeOps()
    ? tf.matMul(a, b, true, false)
    : tf.tidy(() => tf.matMul(tf.transpose(a), b));
}

/** The smaller side's Gram matrix: [r, r], r = min(rows, columns). */
export function smallerGram(matrix: tf.Tensor2D): tf.Tensor2D {
  const [rows, columns] = matrix.shape;
  return rows <= columns
    ? timesTransposed(matrix, matrix)
    : transposedTimes(matrix, matrix);
}

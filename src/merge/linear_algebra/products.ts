import * as tf from "@tensorflow/tfjs";
import {
  hasNativeOps,
  nativeSymmetricProduct,
  type SymmetricProductOptions,
} from "../../backend/mod.ts";

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

/**
 * a bᵀ, aᵀ b or a b where that is known to be symmetric, which halves the
 * arithmetic where the backend can.
 *
 * @param a [rows, columns], or [matrices, rows, columns].
 * @param b The same shape, perhaps the same tensor.
 */
export function symmetricProduct<T extends tf.Tensor2D | tf.Tensor3D>(
  a: T,
  b: T,
  options: SymmetricProductOptions = {},
): T {
  return nativeSymmetricProduct(a, b, options) ??
    tf.tidy(() => composed(a, b, options) as T);
}

function composed(
  a: tf.Tensor,
  b: tf.Tensor,
  { transposed = "b", more, coefficients }: SymmetricProductOptions,
): tf.Tensor {
  const product = transposed === "neither"
    ? tf.matMul(a, b)
    : a.rank === 3
    ? tf.matMul(a, b, transposed === "a", transposed === "b")
    : transposed === "a"
    ? transposedTimes(a as tf.Tensor2D, b as tf.Tensor2D)
    : timesTransposed(a as tf.Tensor2D, b as tf.Tensor2D);
  if (!coefficients) return product;
  const [p, q, r] = [0, 1, 2].map((i) =>
    tf.tensor(
      coefficients.map((each) => each[i]!),
      product.rank === 3 ? [coefficients.length, 1, 1] : [1, 1],
    )
  );
  return tf.addN([
    tf.mul(product, p!),
    ...(more ? [tf.mul(more, q!)] : []),
    tf.broadcastTo(tf.mul(tf.eye(product.shape.at(-1)!), r!), product.shape),
  ]);
}

/** The smaller side's Gram matrix: [r, r], r = min(rows, columns). */
export function smallerGram(matrix: tf.Tensor2D): tf.Tensor2D {
  const [rows, columns] = matrix.shape;
  return symmetricProduct(matrix, matrix, {
    transposed: rows <= columns ? "b" : "a",
  });
}

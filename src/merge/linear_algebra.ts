import * as tf from "@tensorflow/tfjs";
import { hasNativeLinearAlgebra, svd as nativeSvd } from "../backend/mod.ts";
import { gram, type Matrix, matrixOf } from "./linear_algebra/matrix.ts";
import { symmetricEigen } from "./linear_algebra/symmetric_eigen.ts";
import { thinSvd } from "./linear_algebra/thin_svd.ts";

/** matrix = u diag(s) vᵀ, with r = min(rows, columns). */
export interface Svd {
  /** Left singular vectors in columns: [rows, r]. */
  readonly u: tf.Tensor2D;
  /** Singular values, descending: [r]. */
  readonly s: tf.Tensor1D;
  /** Right singular vectors in rows: [r, columns]. */
  readonly vt: tf.Tensor2D;
}

/** A polar factor with the sum of the matrix's singular values. */
export interface PolarFactor {
  /** u vᵀ of the singular value decomposition: [rows, columns]. */
  readonly factor: tf.Tensor2D;
  /** Sum of the singular values. */
  readonly nuclearNorm: number;
}

/**
 * Thin singular value decomposition. Both `u` and `vt` are orthonormal even
 * where the matrix has no rank; directions without a singular value are then
 * arbitrary (as in LAPACK), but the same on each run.
 *
 * TensorFlow's own library decomposes where it runs. The other backends have
 * products only: there the decomposition is computed in double precision in
 * JavaScript, which is as accurate as single precision's LAPACK and better.
 *
 * @param matrix [rows, columns].
 */
export function svd(matrix: tf.Tensor2D): Svd {
  const [rows, columns] = matrix.shape;
  if (hasNativeLinearAlgebra()) {
    const { u, s, v } = nativeSvd(matrix);
    return { u, s, vt: tf.transpose(v) };
  }
  const { u, s, v } = thinSvd(toMatrix(matrix));
  return {
    u: tf.tidy(() =>
      tf.transpose(tf.tensor2d(Float32Array.from(u.data), [s.length, rows]))
    ),
    s: tf.tensor1d(Float32Array.from(s)),
    vt: tf.tensor2d(Float32Array.from(v.data), [s.length, columns]),
  };
}

/**
 * Orthogonal polar factor u vᵀ: the matrix with all singular values set to 1,
 * the null space's included (as FusionBench's thin SVD has it; what stands for
 * the null space is arbitrary there, and here).
 *
 * @param matrix [rows, columns].
 */
export function polarFactor(matrix: tf.Tensor2D): PolarFactor {
  const quick = hasNativeLinearAlgebra() ? undefined : polarFromGram(matrix);
  if (quick) return quick;
  let nuclearNorm = 0;
  const factor = tf.tidy(() => {
    const { u, s, vt } = svd(matrix);
    nuclearNorm = tf.sum(s).dataSync()[0]!;
    return tf.matMul(u, vt) as tf.Tensor2D;
  });
  return { factor, nuclearNorm };
}

/**
 * a bᵀ. The wasm backend multiplies with a transposed operand fifteen times
 * slower than with one that was transposed before.
 *
 * @param a [rows, inner].
 * @param b [columns, inner].
 */
export function timesTransposed(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(a, tf.transpose(b)));
}

/**
 * aᵀ b, as {@linkcode timesTransposed}.
 *
 * @param a [inner, rows].
 * @param b [inner, columns].
 */
export function transposedTimes(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(tf.transpose(a), b));
}

/** Largest condition for which {@linkcode polarFromGram} keeps 1e-5. */
const WELL_CONDITIONED = 300;

/**
 * (a aᵀ)^(-1/2) a, for well-conditioned matrices: half the work of an SVD.
 * `undefined` for others.
 */
function polarFromGram(matrix: tf.Tensor2D): PolarFactor | undefined {
  const [rows, columns] = matrix.shape;
  if (rows > columns) {
    const turned = tf.transpose(matrix);
    const polar = polarFromGram(turned);
    turned.dispose();
    if (!polar) return undefined;
    const factor = tf.transpose(polar.factor);
    polar.factor.dispose();
    return { ...polar, factor };
  }
  const { values, vectors } = symmetricEigen(gram(toMatrix(matrix)));
  const largest = values[0] ?? 0;
  const smallest = values[rows - 1] ?? 0;
  if (!(smallest * WELL_CONDITIONED ** 2 > largest)) return undefined;
  // With w = diag(s^(-1/2)) vectors, wᵀ w is the inverse square root.
  const scaled = new Float32Array(rows * rows);
  let nuclearNorm = 0;
  for (let i = 0; i < rows; i++) {
    const value = Math.sqrt(values[i]!);
    nuclearNorm += value;
    const scale = 1 / Math.sqrt(value);
    for (let j = 0; j < rows; j++) {
      scaled[i * rows + j] = scale * vectors.data[i * rows + j]!;
    }
  }
  const factor = tf.tidy(() => {
    const w = tf.tensor2d(scaled, [rows, rows]);
    return transposedTimes(w, tf.matMul(w, matrix));
  });
  return { factor, nuclearNorm };
}

/** Inner product of two tensors of one shape, summed in double precision. */
export function innerProduct(a: tf.Tensor, b: tf.Tensor): number {
  const x = a.dataSync();
  const y = a === b ? x : b.dataSync();
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** Frobenius norm of a tensor, summed in double precision. */
export function frobeniusNorm(a: tf.Tensor): number {
  return Math.sqrt(innerProduct(a, a));
}

function toMatrix(matrix: tf.Tensor2D): Matrix {
  const [rows, columns] = matrix.shape;
  return matrixOf(rows, columns, Float64Array.from(matrix.dataSync()));
}

import * as tf from "@tensorflow/tfjs";
import { hasNativeLinearAlgebra, svd as nativeSvd } from "../backend/mod.ts";
import { directionsFromGram, gramEigen } from "./linear_algebra/gram_svd.ts";
import { type Matrix, matrixOf } from "./linear_algebra/matrix.ts";
import type { MatrixMaker } from "./linear_algebra/matrix_maker.ts";
import {
  type PolarFactor,
  polarFromGram,
} from "./linear_algebra/polar_from_gram.ts";
import { polarByProducts } from "./linear_algebra/polar_by_products.ts";
import type { Svd } from "./linear_algebra/svd.ts";
import { thinSvd } from "./linear_algebra/thin_svd.ts";

export type { MatrixMaker } from "./linear_algebra/matrix_maker.ts";
export type { PolarFactor } from "./linear_algebra/polar_from_gram.ts";
export type { Svd } from "./linear_algebra/svd.ts";
export { timesTransposed, transposedTimes } from "./linear_algebra/products.ts";

/** Matrices up to this side are decomposed as they are: it takes no time. */
const SMALL = 32;

/**
 * Conditions up to which a Gram matrix in single precision, which squares
 * them, still gives what is asked to 1e-5.
 */
const WELL_CONDITIONED = 10;

/**
 * The same for leading directions: what is lost there is weighted with their
 * own, then small, singular values.
 */
const LEADING_CONDITIONED = 30;

/**
 * Thin singular value decomposition. Both `u` and `vt` are orthonormal even
 * where the matrix has no rank; directions without a singular value are then
 * arbitrary (as in LAPACK), but the same on each run.
 *
 * TensorFlow's own library decomposes where it runs: a well-conditioned
 * matrix by its Gram matrix, which takes a fifth of the time. The other
 * backends have products only: there the decomposition is computed in double
 * precision in JavaScript, which is as accurate as single precision's LAPACK
 * and better.
 *
 * @param matrix [rows, columns].
 */
export function svd(matrix: tf.Tensor2D): Svd {
  const [rows, columns] = matrix.shape;
  const r = Math.min(rows, columns);
  if (!hasNativeLinearAlgebra()) return preciseSvd(matrix);
  if (r > SMALL) {
    const quick = fromGram([() => matrix], r, WELL_CONDITIONED)[0];
    if (quick) return quick;
  }
  return tf.tidy(() => {
    const { u, s, v } = nativeSvd(matrix);
    return { u, s, vt: tf.transpose(v) };
  });
}

/**
 * The leading directions of several matrices' singular value decompositions:
 * `u` [rows, count], `s` [count], `vt` [count, columns] of each.
 *
 * @param matrices All of one shape.
 * @param shape That shape.
 * @param count At least 1 and at most min(rows, columns).
 */
export function leadingDirections(
  matrices: readonly MatrixMaker[],
  [rows, columns]: readonly [number, number],
  count: number,
): Svd[] {
  const quick = hasNativeLinearAlgebra() && Math.min(rows, columns) > SMALL
    ? fromGram(matrices, count, LEADING_CONDITIONED)
    : [];
  return matrices.map((matrix, i) =>
    quick[i] ?? tf.tidy(() => {
      const { u, s, vt } = svd(matrix());
      return {
        u: tf.slice(u, [0, 0], [-1, count]),
        s: tf.slice(s, 0, count),
        vt: tf.slice(vt, 0, count),
      };
    })
  );
}

/** `undefined` for matrices whose last direction is below `condition`. */
function fromGram(
  matrices: readonly MatrixMaker[],
  count: number,
  condition: number,
): (Svd | undefined)[] {
  const eigen = gramEigen(matrices, count);
  const results = matrices.map((matrix, i) => {
    const values = eigen.values[i]!;
    const last = values[values.length - count]!;
    return last * condition ** 2 > values[values.length - 1]!
      ? directionsFromGram(matrix, eigen, i, count)
      : undefined;
  });
  eigen.vectors.dispose();
  return results;
}

function preciseSvd(matrix: tf.Tensor2D): Svd {
  const [rows, columns] = matrix.shape;
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
 * Found by products: of the Gram matrix alone for long matrices that are well
 * conditioned. Only matrices that have (nearly) no rank are decomposed.
 *
 * @param matrix [rows, columns].
 */
export function polarFactor(matrix: tf.Tensor2D): PolarFactor {
  return polarQuickly(matrix) ?? polarFromSvd(matrix);
}

function polarQuickly(matrix: tf.Tensor2D): PolarFactor | undefined {
  const [rows, columns] = matrix.shape;
  const r = Math.min(rows, columns);
  // The JavaScript backend's products are slower than double precision's.
  if (r <= SMALL || tf.getBackend() === "cpu") return undefined;
  if (Math.max(rows, columns) >= 2 * r) {
    const quick = polarFromGram(matrix);
    if (quick) return quick;
  }
  const factor = rows <= columns
    ? polarByProducts(matrix)
    : turned(matrix, polarByProducts);
  return factor && { factor, nuclearNorm: sumOfProducts(factor, matrix) };
}

function polarFromSvd(matrix: tf.Tensor2D): PolarFactor {
  let nuclearNorm = 0;
  const factor = tf.tidy(() => {
    const { u, s, vt } = svd(matrix);
    nuclearNorm = tf.sum(s).dataSync()[0]!;
    return tf.matMul(u, vt) as tf.Tensor2D;
  });
  return { factor, nuclearNorm };
}

function turned(
  matrix: tf.Tensor2D,
  compute: (matrix: tf.Tensor2D) => tf.Tensor2D | undefined,
): tf.Tensor2D | undefined {
  return tf.tidy(() => {
    const result = compute(tf.transpose(matrix));
    return result && tf.transpose(result);
  }) as tf.Tensor2D | undefined;
}

/** The inner product, its rows summed on the backend. */
function sumOfProducts(a: tf.Tensor2D, b: tf.Tensor2D): number {
  const rows = tf.tidy(() => tf.sum(tf.mul(a, b), 1).dataSync());
  let sum = 0;
  for (const value of rows) sum += value;
  return sum;
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

import type * as tf from "@tensorflow/tfjs";
import { hasNativeOps, nativeOp } from "./native.ts";

/** A thin singular value decomposition: `u · diag(s) · transpose(v)`. */
export interface Svd {
  /** [rows, k], k = min(rows, columns); orthonormal columns. */
  u: tf.Tensor2D;
  /** [k], descending. */
  s: tf.Tensor1D;
  /** [columns, k]; orthonormal columns. */
  v: tf.Tensor2D;
}

/** Eigenvalues and eigenvectors of a symmetric matrix. */
export interface Eigen {
  /** [size], ascending. */
  values: tf.Tensor1D;
  /** [size, size]; column i belongs to value i. */
  vectors: tf.Tensor2D;
}

/** A thin QR decomposition: `q · r`. */
export interface Qr {
  /** [rows, k], k = min(rows, columns); orthonormal columns. */
  q: tf.Tensor2D;
  /** [k, columns], upper triangular. */
  r: tf.Tensor2D;
}

/**
 * Whether {@linkcode svd}, {@linkcode selfAdjointEig} and {@linkcode qr} can
 * run: on the backends `tensorflow` and `cuda`.
 */
export function hasNativeLinearAlgebra(): boolean {
  return hasNativeOps();
}

/**
 * Singular value decomposition by TensorFlow's library.
 *
 * @param matrix [rows, columns], float32.
 * @returns The thin decomposition.
 * @throws {BackendError} On a backend that lacks it.
 */
export function svd(matrix: tf.Tensor2D): Svd {
  const [s, u, v] = nativeOp("Svd", [matrix], {
    T: { type: "float32" },
    compute_uv: { bool: true },
    full_matrices: { bool: false },
  }, 3);
  return { u: u as tf.Tensor2D, s: s as tf.Tensor1D, v: v as tf.Tensor2D };
}

/**
 * Eigendecomposition of a symmetric matrix by TensorFlow's library.
 *
 * @param matrix [size, size], float32; its lower triangle is read.
 * @returns Values in ascending order, and their vectors.
 * @throws {BackendError} On a backend that lacks it.
 */
export function selfAdjointEig(matrix: tf.Tensor2D): Eigen {
  const [values, vectors] = nativeOp("SelfAdjointEigV2", [matrix], {
    T: { type: "float32" },
    compute_v: { bool: true },
  }, 2);
  return {
    values: values as tf.Tensor1D,
    vectors: vectors as tf.Tensor2D,
  };
}

/**
 * QR decomposition by TensorFlow's library.
 *
 * @param matrix [rows, columns], float32.
 * @returns The thin decomposition.
 * @throws {BackendError} On a backend that lacks it.
 */
export function qr(matrix: tf.Tensor2D): Qr {
  const [q, r] = nativeOp("Qr", [matrix], {
    T: { type: "float32" },
    full_matrices: { bool: false },
  }, 2);
  return { q: q as tf.Tensor2D, r: r as tf.Tensor2D };
}

import * as tf from "@tensorflow/tfjs";
import { nativeOp } from "../../backend/mod.ts";

/** Eigenvalues and eigenvectors of several symmetric matrices. */
export interface BatchEigen {
  /** Ascending, for each matrix. */
  readonly values: readonly Float32Array[];
  /** Eigenvectors in columns, in the order of the values: [matrices, n, k]. */
  readonly vectors: tf.Tensor3D;
}

/**
 * Residual, over the largest eigenvalue, for each row: single precision
 * reaches half of it. The space is then nearer to float64's than that of the
 * whole decomposition in single precision.
 */
const RESIDUAL = 4e-8;
const ROUNDS = 12;
/** How much more the largest direction may grow than the least in a round. */
const MOST_GROWTH = 1e6;
const MOST_DEGREE = 20;

/**
 * The leading eigenvectors of several Gram matrices, by Chebyshev polynomials
 * of the matrices times a block of vectors: for large matrices of which few
 * directions are asked for, in a third of the time of all eigenvectors. The
 * block has more vectors than that, so that what matters is the distance to
 * the eigenvalues outside it, not to the next one.
 *
 * https://doi.org/10.1016/j.jcp.2006.03.017
 *
 * @param grams [matrices, n, n].
 * @param count Directions of each.
 * @returns At least `count` of them, the largest; `undefined` if they do not
 * converge.
 */
export function leadingEigen(
  grams: tf.Tensor3D,
  count: number,
): BatchEigen | undefined {
  const [matrices, n] = grams.shape;
  const width = Math.min(n, count + Math.ceil(count / 2) + 8);
  let vectors = tf.tidy(() =>
    tf.matMul(
      grams,
      tf.tile(tf.randomNormal([1, n, width], 0, 1, "float32", 1), [
        matrices,
        1,
        1,
      ]),
    ) as tf.Tensor3D
  );
  for (let round = 0; round < ROUNDS; round++) {
    const next = tf.tidy(() => rotate(grams, vectors, count));
    vectors.dispose();
    vectors = next.vectors;
    const all = next.values.dataSync<"float32">();
    const residuals = next.residuals.dataSync<"float32">();
    tf.dispose([next.values, next.residuals]);
    const values = Array.from(
      { length: matrices },
      (_, i) => all.slice(i * width, (i + 1) * width),
    );
    const largest = values.map((row) => row[width - 1]!);
    if (!largest.every((value) => value > 0 && value < Infinity)) break;
    if (largest.every((value, i) => residuals[i]! <= RESIDUAL * n * value)) {
      return { values, vectors };
    }
    const amplified = tf.tidy(() => amplify(grams, vectors, values));
    vectors.dispose();
    vectors = amplified;
  }
  vectors.dispose();
  return undefined;
}

/** The eigenvectors within the space that the vectors span. */
function rotate(
  grams: tf.Tensor3D,
  vectors: tf.Tensor3D,
  count: number,
): { vectors: tf.Tensor3D; values: tf.Tensor2D; residuals: tf.Tensor1D } {
  const float = { T: { type: "float32" } } as const;
  const lengths = tf.sqrt(tf.sum(tf.square(vectors), 1, true));
  const [basis] = nativeOp("Qr", [tf.div(vectors, lengths)], {
    ...float,
    full_matrices: { bool: false },
  }, 2) as [tf.Tensor3D];
  const image = tf.matMul(grams, basis);
  const [values, rotation] = nativeOp(
    "SelfAdjointEigV2",
    [tf.matMul(basis, image, true)],
    { ...float, compute_v: { bool: true } },
    2,
  ) as [tf.Tensor2D, tf.Tensor3D];
  const width = values.shape[1];
  const rotated = tf.matMul(basis, rotation) as tf.Tensor3D;
  const top = [0, 0, width - count];
  const rest = tf.sub(
    tf.matMul(image, tf.slice(rotation, top)),
    tf.mul(
      tf.slice(rotated, top),
      tf.expandDims(tf.slice(values, [0, width - count]), 1),
    ),
  );
  const residuals = tf.sqrt(tf.max(tf.sum(tf.square(rest), 1), 1));
  return { vectors: rotated, values, residuals: residuals as tf.Tensor1D };
}

/**
 * The Chebyshev polynomial that is small from 0 to the block's least
 * eigenvalue and grows above it, of the matrices times the vectors.
 */
function amplify(
  grams: tf.Tensor3D,
  vectors: tf.Tensor3D,
  values: readonly Float32Array[],
): tf.Tensor3D {
  const n = grams.shape[1];
  let degree = MOST_DEGREE;
  const halves = values.map((row) => {
    const largest = row[row.length - 1]!;
    const half = Math.max(row[0]!, 1e-6 * largest) / 2;
    const growth = Math.acosh(Math.max(1, largest / half - 1));
    degree = Math.min(degree, Math.log(MOST_GROWTH) / growth);
    return half;
  });
  const scales = tf.tensor3d(halves, [halves.length, 1, 1]);
  const identity = tf.eye(n);
  const twice = tf.sub(
    tf.div(grams, tf.div(scales, 2)),
    tf.mul(identity, 2),
  ) as tf.Tensor3D;
  let before = vectors;
  let last = tf.div(tf.matMul(twice, vectors), 2) as tf.Tensor3D;
  for (let k = 2; k <= degree; k++) {
    const next = tf.tidy(() =>
      tf.sub(tf.matMul(twice, last), before) as tf.Tensor3D
    );
    if (k > 2) before.dispose();
    [before, last] = [last, next];
  }
  return last;
}

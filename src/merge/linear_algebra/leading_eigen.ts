import * as tf from "@tensorflow/tfjs";
import { nativeOp } from "../../backend/mod.ts";
import { BackendError } from "../../fusion_error.ts";
import { orthonormalRows } from "./orthonormal_rows.ts";

/** Eigenvalues and eigenvectors of several symmetric matrices. */
export interface BatchEigen {
  /** Ascending, for each matrix. */
  readonly values: readonly Float32Array[];
  /** Eigenvectors in columns, in the order of the values: [matrices, n, k]. */
  readonly vectors: tf.Tensor3D;
}

/** Rows of each matrix that the search goes on with, and their images. */
type Block = {
  /** Orthonormal rows: [matrices, width, n]. */
  readonly rows: tf.Tensor3D;
  /** The rows times the Gram matrices. */
  readonly images: tf.Tensor3D;
};

/**
 * Length of a residual, over the largest eigenvalue. TensorFlow's eigenvectors
 * of small matrices leave half of it, and of large ones more.
 */
const RESIDUAL = 4e-5;
/** What the first filter is to leave of directions outside the block. */
const REMAINDER = 2e-7;
/** Degree of the filter that only tells where the block's values end. */
const FIRST_DEGREE = 4;
/** Above these, all eigenvectors are found as fast. */
const MOST_DEGREE = 24;
const MOST_ROUNDS = 4;
/** Growth within a block that Cholesky's decomposition bears. */
const MOST_GROWTH = 3e3;

/**
 * The leading eigenvectors of several Gram matrices, by Chebyshev polynomials
 * of the matrices times a block of vectors, for large matrices of which few
 * directions are asked for. The block has twice as many vectors as that: what
 * matters is the distance to the eigenvalues outside it, not to the next one.
 *
 * All but two small decompositions are products: in the recursion for the
 * polynomials the block is made orthonormal by a Cholesky decomposition as
 * often as it must be, which changes neither its span nor the recursion.
 *
 * https://doi.org/10.1016/j.jcp.2006.03.017
 *
 * @param grams [matrices, n, n].
 * @param count Directions of each.
 * @returns `count` of them, the largest; `undefined` if they do not converge.
 */
export function leadingEigen(
  grams: tf.Tensor3D,
  count: number,
): BatchEigen | undefined {
  try {
    return search(grams, count);
  } catch (error) {
    // Cholesky's decomposition refuses blocks that have (nearly) no rank.
    if (error instanceof BackendError) return undefined;
    throw error;
  }
}

function search(grams: tf.Tensor3D, count: number): BatchEigen | undefined {
  const [matrices, n] = grams.shape;
  const width = Math.min(n, Math.ceil(1.75 * count) + 16);
  let block = tf.tidy(() => {
    const start = tf.tile(
      tf.randomNormal([1, width, n], 0, 1, "float32", 1),
      [matrices, 1, 1],
    );
    return started(grams, tf.matMul(start, grams) as tf.Tensor3D);
  });
  try {
    let values = ritzValues(block);
    let degree = Math.min(FIRST_DEGREE, degreeFor(values, count, REMAINDER));
    for (let round = 0; round < MOST_ROUNDS; round++) {
      if (!(degree <= MOST_DEGREE)) return undefined;
      block = replaced(block, () => amplify(grams, block, values, degree));
      if (round === 0) {
        values = ritzValues(block);
        degree = degreeFor(values, count, REMAINDER);
        continue;
      }
      const { rotation, residual, ...found } = ritz(block, count);
      values = found.values;
      if (residual <= RESIDUAL) {
        const vectors = tf.tidy(() =>
          tf.transpose(
            // The rotation is orthogonal to some ten roundings only.
            orthonormalRows([
              tf.matMul(rotation, block.rows, true) as tf.Tensor3D,
            ])[0]!,
            [0, 2, 1],
          )
        );
        rotation.dispose();
        return { values: values.map((row) => row.slice(-count)), vectors };
      }
      rotation.dispose();
      degree = degreeFor(values, count, RESIDUAL / residual / 4);
    }
    return undefined;
  } finally {
    tf.dispose([block.rows, block.images]);
  }
}

function started(grams: tf.Tensor3D, block: tf.Tensor3D): Block {
  const [once] = orthonormalRows([block]) as [tf.Tensor3D];
  const [rows] = orthonormalRows([once]) as [tf.Tensor3D];
  return { rows, images: tf.matMul(rows, grams) as tf.Tensor3D };
}

function replaced(before: Block, compute: () => Block): Block {
  const after = tf.tidy(() => compute());
  tf.dispose([before.rows, before.images]);
  return after;
}

/** Eigenvalues within the block's span, ascending, of each matrix. */
function ritzValues({ rows, images }: Block): Float32Array[] {
  const [matrices, width] = rows.shape;
  const all = tf.tidy(() =>
    nativeOp("SelfAdjointEigV2", [tf.matMul(rows, images, false, true)], {
      T: { type: "float32" },
      compute_v: { bool: false },
    }, 2)[0]!.dataSync<"float32">()
  );
  return split(all, matrices, width);
}

/**
 * Eigenvectors within the block's span: their values, the leading ones'
 * combinations of rows [matrices, width, count], ascending, and the longest
 * residual of these over the largest value.
 */
function ritz(
  { rows, images }: Block,
  count: number,
): { values: Float32Array[]; rotation: tf.Tensor3D; residual: number } {
  const [matrices, width] = rows.shape;
  const [values, rotation, squares] = tf.tidy(() => {
    const [values, all] = nativeOp(
      "SelfAdjointEigV2",
      [
        tf.matMul(rows, images, false, true),
      ],
      { T: { type: "float32" }, compute_v: { bool: true } },
      2,
    ) as [
      tf.Tensor2D,
      tf.Tensor3D,
    ];
    const rotation = tf.slice(all, [0, 0, width - count]);
    const top = tf.slice(values, [0, width - count]);
    const rest = tf.sub(
      tf.matMul(rotation, images, true),
      tf.mul(tf.matMul(rotation, rows, true), tf.expandDims(top, 2)),
    );
    return [values, rotation, tf.max(tf.sum(tf.square(rest), 2), 1)];
  }) as [tf.Tensor2D, tf.Tensor3D, tf.Tensor1D];
  const each = split(values.dataSync<"float32">(), matrices, width);
  let residual = 0;
  squares.dataSync<"float32">().forEach((square, i) => {
    const relative = Math.sqrt(square) / each[i]!.at(-1)!;
    if (!(relative <= residual)) residual = relative; // NaN stays
  });
  tf.dispose([values, squares]);
  return { values: each, rotation, residual };
}

/** Growth by a degree of an eigenvalue, where those to `cut` do not grow. */
function growth(value: number, cut: number): number {
  return Math.acosh(Math.max(1, 2 * value / cut - 1));
}

/** The block's least value, above rounding of the largest. */
function cutOf(values: Float32Array): number {
  return Math.max(values[0]!, 1e-6 * values.at(-1)!);
}

/** Degree at which what is outside the blocks has shrunk to `remainder`. */
function degreeFor(
  values: readonly Float32Array[],
  count: number,
  remainder: number,
): number {
  const slowest = Math.min(
    ...values.map((row) => growth(row[row.length - count]!, cutOf(row))),
  );
  return Math.max(2, Math.ceil(Math.log(2 / remainder) / slowest));
}

/**
 * The Chebyshev polynomial that is small from 0 to the block's least
 * eigenvalue and grows above it, of the matrices times the rows.
 */
function amplify(
  grams: tf.Tensor3D,
  { rows, images }: Block,
  values: readonly Float32Array[],
  degree: number,
): Block {
  const quarters = tf.tensor3d(values.map((row) => cutOf(row) / 4), [
    values.length,
    1,
    1,
  ]);
  const steepest = Math.max(
    ...values.map((row) => growth(row.at(-1)!, cutOf(row))),
  );
  const steps = Math.max(1, Math.floor(Math.log(MOST_GROWTH) / steepest));
  const scaled = tf.div(grams, quarters) as tf.Tensor3D;
  let before = rows;
  let last = tf.sub(tf.div(images, tf.mul(quarters, 2)), rows) as tf.Tensor3D;
  for (let k = 2; k <= degree; k++) {
    const [b, l] = [before, last];
    [before, last] = tf.tidy(() => {
      // 2 (2 g / cut - 1) x - the one before
      const next = tf.sub(
        tf.matMul(l, scaled),
        tf.addN([l, l, b]),
      ) as tf.Tensor3D;
      return k % steps === 0 && k < degree
        ? orthonormalRows([next, l]).reverse()
        : [l, next];
    }) as [tf.Tensor3D, tf.Tensor3D];
    if (before !== l) l.dispose();
    if (b !== rows) b.dispose();
  }
  return started(grams, last);
}

function split(all: Float32Array, rows: number, width: number): Float32Array[] {
  return Array.from(
    { length: rows },
    (_, i) => all.slice(i * width, (i + 1) * width),
  );
}

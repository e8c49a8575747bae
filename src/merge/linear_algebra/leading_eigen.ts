import * as tf from "@tensorflow/tfjs";
import { nativeOp } from "../../backend/mod.ts";
import { BackendError } from "../../fusion_error.ts";
import { orthonormalRows } from "./orthonormal_rows.ts";
import { symmetricProduct } from "./products.ts";

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
 * Length of a residual, over the largest eigenvalue and the root of the block's
 * width. TensorFlow's eigenvectors of small matrices leave half of it, and of
 * large ones more.
 */
const RESIDUAL = 3.5e-6;
/**
 * What the first filter is to leave of directions outside the block, by values
 * that are crude yet: some ten times as much stays.
 */
const REMAINDER = 2e-8;
/** Degree of the filter that only tells where the block's values end. */
const FIRST_DEGREE = 4;
/** Above these, all eigenvectors are found as fast. */
const MOST_DEGREE = 28;
const MOST_ROUNDS = 4;
/** Growth within a block that Cholesky's decomposition bears. */
const MOST_GROWTH = 3e3;
/** Degrees of polynomials that may be formed of the matrices themselves. */
const ORDERS = [1, 2, 4];
/**
 * Roundings of the largest eigenvalue by which forming them may disturb others:
 * far below {@linkcode RESIDUAL}.
 */
const MOST_LOST = 20;

/**
 * The leading eigenvectors of several Gram matrices, by Chebyshev polynomials
 * of the matrices times a block of vectors, for large matrices of which few
 * directions are asked for. The block has twice as many vectors as that: what
 * matters is the distance to the eigenvalues outside it, not to the next one.
 *
 * Where rounding permits, a first polynomial is formed of the matrices
 * themselves, whose products with each other are symmetric and so cost half.
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
  const allowed = RESIDUAL * Math.sqrt(width);
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
      if (residual <= allowed) {
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
      degree = degreeFor(values, count, allowed / residual / 4);
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
    nativeOp("SelfAdjointEigV2", [symmetricProduct(rows, images)], {
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
        symmetricProduct(rows, images),
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
  const cuts = values.map(cutOf);
  const steepest = Math.max(
    ...values.map((row, i) => growth(row.at(-1)!, cuts[i]!)),
  );
  const order = orderFor(degree, steepest, rows.shape);
  const together = Math.log(MOST_GROWTH) / (order * steepest);
  const steps = Math.max(1, Math.floor(together));
  const doubled = doubledPolynomial(grams, cuts, order);
  let before = rows;
  let last = tf.tidy(() =>
    order === 1
      ? tf.sub(tf.mul(images, perMatrix(cuts.map((cut) => 2 / cut))), rows)
      : tf.div(tf.matMul(rows, doubled), 2)
  ) as tf.Tensor3D;
  const count = Math.ceil(degree / order);
  for (let k = 2; k <= count; k++) {
    const [b, l] = [before, last];
    [before, last] = tf.tidy(() => {
      const next = tf.sub(tf.matMul(l, doubled), b) as tf.Tensor3D;
      return k % steps === 0 && k < count
        ? orthonormalRows([next, l]).reverse()
        : [l, next];
    }) as [tf.Tensor3D, tf.Tensor3D];
    if (before !== l) l.dispose();
    if (b !== rows) b.dispose();
  }
  return started(grams, last);
}

/**
 * The degree of the polynomial that is formed of the matrices themselves,
 * because as many products with the block take longer.
 *
 * @param steepest Growth by a degree of the largest eigenvalue.
 * @param shape [matrices, width, n] of the block.
 */
function orderFor(
  degree: number,
  steepest: number,
  [, width, n]: readonly [number, number, number],
): number {
  const work = (order: number): number =>
    Math.log2(order) * n / 2 + Math.ceil(degree / order) * width;
  // The polynomial's rounding over its slope where it begins to grow.
  const lost = (order: number): number =>
    Math.exp((order - 1) * steepest) / order ** 2;
  return ORDERS.filter((order) => order === 1 || lost(order) < MOST_LOST)
    .reduce((best, order) => work(order) < work(best) ? order : best);
}

/**
 * Twice the Chebyshev polynomial of the matrices: by T_2k = 2 T_k² - 1.
 *
 * @param cuts Where the polynomial begins to grow, of each matrix.
 * @param order Its degree, a power of two.
 */
function doubledPolynomial(
  grams: tf.Tensor3D,
  cuts: readonly number[],
  order: number,
): tf.Tensor3D {
  return tf.tidy(() => {
    if (order === 1) {
      const scaled = tf.mul(grams, perMatrix(cuts.map((cut) => 4 / cut)));
      return tf.sub(scaled, tf.mul(tf.eye(grams.shape[1]), 2)) as tf.Tensor3D;
    }
    const factor = order === 2 ? 2 : 1;
    const square = symmetricProduct(grams, grams, {
      transposed: "neither",
      more: grams,
      coefficients: cuts.map((cut) => [
        8 * factor / cut ** 2,
        -8 * factor / cut,
        factor,
      ]),
    });
    return order === 2 ? square : symmetricProduct(square, square, {
      transposed: "neither",
      coefficients: [[4, 0, -2]],
    });
  });
}

function perMatrix(numbers: readonly number[]): tf.Tensor3D {
  return tf.tensor3d([...numbers], [numbers.length, 1, 1]);
}

function split(all: Float32Array, rows: number, width: number): Float32Array[] {
  return Array.from(
    { length: rows },
    (_, i) => all.slice(i * width, (i + 1) * width),
  );
}

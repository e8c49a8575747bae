import * as tf from "@tensorflow/tfjs";
import { leastDeviation } from "./least_deviation.ts";
import {
  distanceFromIdentity,
  largestEigenvalueBound,
  NEARLY,
  polynomialOf,
} from "./polar_by_products.ts";
import { smallerGram, symmetricProduct } from "./products.ts";

/** Least singular value over the bound of the largest that is expected. */
const SMALLEST = 0.1;
const ROUNDS = 4;
/** |I - gram| after the third round: beyond, the matrix is ill-conditioned. */
const FAR = 0.3;

/** A polar factor with the sum of the matrix's singular values. */
export interface PolarFactor {
  /** u vᵀ of the singular value decomposition: [rows, columns]. */
  readonly factor: tf.Tensor2D;
  /** Sum of the singular values. */
  readonly nuclearNorm: number;
}

/**
 * Orthogonal polar factor of a long, well-conditioned matrix. The rounds of
 * {@linkcode polarByProducts}, but done with the smaller side's Gram matrix g
 * alone: they give g^(-1/2), by which the matrix is multiplied once.
 *
 * https://arxiv.org/abs/2505.16932, section on rectangular matrices
 *
 * @param matrix [rows, columns].
 * @returns `undefined` for a matrix whose Gram matrix has lost its small
 * directions in single precision's rounding.
 */
export function polarFromGram(matrix: tf.Tensor2D): PolarFactor | undefined {
  const [rows, columns] = matrix.shape;
  const gram = smallerGram(matrix);
  const root = inverseRoot(gram);
  if (!root) {
    gram.dispose();
    return undefined;
  }
  const factor = rows <= columns
    ? tf.matMul(root, matrix) as tf.Tensor2D
    : tf.matMul(matrix, root) as tf.Tensor2D;
  // trace(g g^(-1/2)), rows summed on the backend
  const sums = tf.tidy(() => tf.sum(tf.mul(gram, root), 1).dataSync());
  let nuclearNorm = 0;
  for (const sum of sums) nuclearNorm += sum;
  tf.dispose([gram, root]);
  return { factor, nuclearNorm };
}

/** g^(-1/2). */
function inverseRoot(gram: tf.Tensor2D): tf.Tensor2D | undefined {
  const bound = largestEigenvalueBound(gram);
  if (!(bound > 0 && bound < Infinity)) return undefined;
  let [low, high] = [SMALLEST, 1.001];
  // rest = root gram root / bound goes to I
  let rest = tf.div(gram, bound) as tf.Tensor2D;
  let root: tf.Tensor2D | undefined;
  for (let round = 0;; round++) {
    const distance = round < 3 ? Infinity : distanceFromIdentity(rest);
    const isLast = distance < NEARLY;
    if (!isLast && (round === ROUNDS || (round >= 3 && !(distance < FAR)))) {
      tf.dispose([rest, root!]);
      return undefined;
    }
    const { coefficients, error } = high - low < 1e-3
      ? { coefficients: [15 / 8, -10 / 8, 3 / 8] as const, error: 0 }
      : leastDeviation(low, high);
    const [before, last] = [rest, root];
    [root, rest] = tf.tidy(() => {
      const step = polynomialOf(
        before,
        isLast ? [15 / 8, -10 / 8, 3 / 8] : coefficients,
      );
      const next = last ? times(step, last) : step;
      return isLast
        ? [tf.div(next, Math.sqrt(bound)), next]
        : [next, times(step, times(step, before))];
    }) as [tf.Tensor2D, tf.Tensor2D];
    tf.dispose([before, ...(last ? [last] : [])]);
    if (isLast) {
      rest.dispose();
      return root;
    }
    [low, high] = [1 - error, 1 + error];
  }
}

/** The product of polynomials of one matrix, which is symmetric. */
function times(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return symmetricProduct(a, b, { transposed: "neither" });
}

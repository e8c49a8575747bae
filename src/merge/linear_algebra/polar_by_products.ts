import * as tf from "@tensorflow/tfjs";
import { leastDeviation } from "./least_deviation.ts";
import { symmetricProduct } from "./products.ts";

/** How small a singular value the first round expects, relative to the bound. */
const SMALLEST = 3e-4;
/** The same in later rounds, after which the rest is larger. */
const SMALLEST_AGAIN = 0.1;
const ROUNDS = 5;
/** |I - x xᵀ| from which one step of Newton and Schulz reaches rounding. */
export const NEARLY = 0.02;

/**
 * Orthogonal polar factor of a matrix by products alone: odd polynomials of
 * degree five, each the best for the interval that the singular values are
 * known to lie in, lift them all to 1. As nothing is divided by, and the
 * matrix, not its Gram matrix, is carried on, small singular directions keep
 * the accuracy that single precision has for them.
 *
 * https://arxiv.org/abs/2505.16932
 *
 * @param matrix [rows, columns], rows <= columns.
 * @returns [rows, columns]; `undefined` where a direction has (nearly) no
 * singular value.
 */
export function polarByProducts(
  matrix: tf.Tensor2D,
): tf.Tensor2D | undefined {
  let x = tf.clone(matrix);
  let scale: number | undefined; // divides x: a bound of the largest value
  let [low, high] = [SMALLEST, 1.001];
  let left = ROUNDS;
  while (left > 0) {
    const gram = symmetricProduct(x, x);
    const isReady = high - low < 1e-3;
    if (isReady && scale !== undefined) {
      const distance = distanceFromIdentity(gram);
      if (distance < NEARLY) {
        const factor = step(x, gram, [15 / 8, -10 / 8, 3 / 8]);
        tf.dispose([x, gram]);
        return factor;
      }
      if (!(distance < Math.sqrt(gram.shape[0]) * 1.01)) break;
      if (--left === 0) {
        gram.dispose();
        break;
      }
      [low, high] = [SMALLEST_AGAIN, 1.01];
    }
    if (scale === undefined) {
      scale = Math.sqrt(largestEigenvalueBound(gram));
      if (!(scale > 0 && scale < Infinity)) {
        gram.dispose();
        break;
      }
      const scaled = tf.div(x, scale) as tf.Tensor2D;
      const scaledGram = tf.div(gram, scale * scale) as tf.Tensor2D;
      const { coefficients, error } = leastDeviation(low, high);
      const next = step(scaled, scaledGram, coefficients);
      tf.dispose([x, gram, scaled, scaledGram]);
      [x, low, high] = [next, 1 - error, 1 + error];
      continue;
    }
    const { coefficients, error } = leastDeviation(low, high);
    const next = step(x, gram, coefficients);
    tf.dispose([x, gram]);
    [x, low, high] = [next, 1 - error, 1 + error];
  }
  x.dispose();
  return undefined;
}

/** (a I + b g + c g²) x */
function step(
  x: tf.Tensor2D,
  gram: tf.Tensor2D,
  coefficients: readonly [number, number, number],
): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(polynomialOf(gram, coefficients), x));
}

/** a I + b g + c g² */
export function polynomialOf(
  gram: tf.Tensor2D,
  [a, b, c]: readonly [number, number, number],
): tf.Tensor2D {
  return symmetricProduct(gram, gram, {
    transposed: "neither",
    more: gram,
    coefficients: [[c, b, a]],
  });
}

/** The Frobenius norm of I - gram. */
export function distanceFromIdentity(gram: tf.Tensor2D): number {
  return tf.tidy(() =>
    Math.sqrt(
      tf.sum(tf.square(tf.sub(tf.eye(gram.shape[0]), gram))).dataSync()[0]!,
    )
  );
}

/** The fourth root of the sum of an eigenvalue's fourth powers. */
export function largestEigenvalueBound(gram: tf.Tensor2D): number {
  return tf.tidy(() => {
    // Its own size first, so that no power leaves single precision's range.
    const largest = tf.max(gram).dataSync()[0]!;
    if (!(largest > 0)) return 0;
    const unit = tf.div(gram, largest) as tf.Tensor2D;
    const square = symmetricProduct(unit, unit, { transposed: "neither" });
    return largest * tf.sum(tf.square(square)).dataSync()[0]! ** 0.25;
  });
}

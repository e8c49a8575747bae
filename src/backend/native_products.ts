import * as tf from "@tensorflow/tfjs";
import { hasNativeOp } from "./has_native_op.ts";
import { nativeOp } from "./native.ts";

/** Which product, and what is computed beside it. */
export interface SymmetricProductOptions {
  /**
   * Which of the two is transposed; neither, where both are symmetric and have
   * a symmetric product. @default {"b"}
   */
  readonly transposed?: "a" | "b" | "neither";
  /** A symmetric matrix that is added, of the result's shape. */
  readonly more?: tf.Tensor;
  /**
   * What the product, `more` and the identity are multiplied by: for all
   * matrices, or for each. @default {[[1, 0, 0]]}
   */
  readonly coefficients?: readonly (readonly [number, number, number])[];
}

/**
 * A product that is known to be symmetric, with half the arithmetic.
 *
 * @param a [rows, columns], or [matrices, rows, columns].
 * @param b The same shape, perhaps the same tensor.
 * @returns Nothing where the backend has no such operation: only TensorFlow's
 * library on x86 processors has.
 */
export function nativeSymmetricProduct<T extends tf.Tensor2D | tf.Tensor3D>(
  a: T,
  b: T,
  { transposed = "b", more, coefficients = [[1, 0, 0]] }:
    SymmetricProductOptions,
): T | undefined {
  const run = (): tf.Tensor =>
    tf.tidy(() =>
      nativeOp("ConvNextFusionSymmetricProduct", [
        a,
        b,
        tf.tensor2d(coefficients.map((each) => [...each])),
        ...(more ? [more] : []),
      ], {
        transpose: { bool: transposed !== "b" },
        N: { int: more ? 1 : 0 },
      })[0]!
    );
  return hasNativeOp("symmetricProduct", run) ? run() as T : undefined;
}

import * as tf from "@tensorflow/tfjs";
import { has } from "./native_fused.ts";
import { nativeOp } from "./native.ts";

/** Columns that our operation computes together. */
const GROUP = 32;

/**
 * a bᵀ where that is known to be symmetric: half the arithmetic.
 *
 * @param a [size, depth].
 * @param b The same shape, perhaps the same tensor.
 * @param transpose aᵀ b instead, of [depth, size].
 * @returns [size, size]; nothing where the backend has no such operation: only
 * TensorFlow's library on x86 processors has, for multiples of 32.
 */
export function symmetricProduct(
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transpose = false,
): tf.Tensor2D | undefined {
  const size = a.shape[transpose ? 1 : 0];
  if (size % GROUP !== 0) return undefined;
  const run = (): tf.Tensor2D =>
    tf.tidy(() => {
      const one = tf.expandDims(a);
      const other = a === b ? one : tf.expandDims(b);
      const [product] = nativeOp(
        "ConvNextFusionSymmetricProduct",
        [one, other],
        { transpose: { bool: transpose } },
      );
      return tf.reshape(product!, [size, size]);
    });
  return has("symmetricProduct", run) ? run() : undefined;
}

/**
 * The sum of what models have more than their start, in one pass over memory
 * where the backend can.
 *
 * @param models Tensors of one shape.
 * @param start The same shape.
 */
export function sumOfDifferences(
  models: readonly tf.Tensor[],
  start: tf.Tensor,
): tf.Tensor {
  const run = (): tf.Tensor =>
    nativeOp("ConvNextFusionSumOfDifferences", [start, ...models], {
      N: { int: models.length },
    })[0]!;
  return has("sumOfDifferences", run)
    ? run()
    : tf.tidy(() => tf.addN(models.map((model) => tf.sub(model, start))));
}

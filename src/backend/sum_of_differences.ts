import * as tf from "@tensorflow/tfjs";
import { hasNativeOp } from "./has_native_op.ts";
import { nativeOp } from "./native.ts";

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
  return hasNativeOp("sumOfDifferences", run)
    ? run()
    : tf.tidy(() => tf.addN(models.map((model) => tf.sub(model, start))));
}

import type * as tf from "@tensorflow/tfjs";
import { has } from "./native_fused.ts";
import { nativeOp } from "./native.ts";

/** LayerNorm's value, and what its gradient needs. */
export interface TrainedNorm {
  /** [..., channels]. */
  value: tf.Tensor;
  /** The value before the weights, of the same shape. */
  normal: tf.Tensor;
  /** What each row was multiplied by, [rows]. */
  inverse: tf.Tensor;
}

/**
 * LayerNorm over the last axis in one operation, for training.
 *
 * @returns Nothing where the backend has no such operation.
 */
export function trainingNormForward(
  features: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): TrainedNorm | undefined {
  const run = (): tf.Tensor[] =>
    nativeOp(
      "ConvNextFusionTrainNorm",
      [features, weight, bias],
      { epsilon: { float: epsilon } },
      3,
    );
  const works = has("trainingNorm", () => {
    const [first, ...rest] = run();
    for (const tensor of rest) tensor.dispose();
    return first!;
  });
  if (!works) return undefined;
  const [value, normal, inverse] = run();
  return { value: value!, normal: normal!, inverse: inverse! };
}

/**
 * The gradient of {@linkcode trainingNormForward}.
 *
 * @returns Those of features, weight and bias.
 */
export function trainingNormBackward(
  dy: tf.Tensor,
  { normal, inverse }: Omit<TrainedNorm, "value">,
  weight: tf.Tensor,
): tf.Tensor[] {
  return nativeOp(
    "ConvNextFusionTrainNormGradient",
    [dy, normal, inverse, weight],
    {},
    3,
  );
}

/**
 * Tensors of any shapes one after the other, as one vector.
 *
 * @returns Nothing where the backend has no such operation.
 */
export function joinTensors(tensors: tf.Tensor[]): tf.Tensor1D | undefined {
  const run = (): tf.Tensor =>
    nativeOp("ConvNextFusionJoin", tensors, { N: { int: tensors.length } })[0]!;
  return has("join", run) ? run() as tf.Tensor1D : undefined;
}

/**
 * Undoes {@linkcode joinTensors}.
 *
 * @param joined The vector.
 * @param like Tensors of the shapes that are wanted.
 * @returns Nothing where the backend has no such operation.
 */
export function partTensor(
  joined: tf.Tensor,
  like: tf.Tensor[],
): tf.Tensor[] | undefined {
  const run = (): tf.Tensor[] =>
    nativeOp(
      "ConvNextFusionPart",
      [joined, ...like],
      { N: { int: like.length } },
      like.length,
    );
  const works = has("part", () => {
    const [first, ...rest] = run();
    for (const tensor of rest) tensor.dispose();
    return first!;
  });
  return works ? run() : undefined;
}

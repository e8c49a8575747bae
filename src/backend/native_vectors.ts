import * as tf from "@tensorflow/tfjs";
import { hasNativeOp } from "./has_native_op.ts";
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
  const works = hasNativeOp("trainingNorm", run);
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
  return hasNativeOp("join", run) ? run() as tf.Tensor1D : undefined;
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
  const works = hasNativeOp("part", run);
  return works ? run() : undefined;
}

/** What {@linkcode nativeAdam} has to know beside tensors. */
export interface AdamNumbers {
  /** What is left of the weights after decoupled decay. */
  kept: number;
  /** Share of the weights that is added to the gradient. */
  decay: number;
  /** How much of the means of gradients and squares is kept. */
  betas: readonly [number, number];
  /** What the root of the mean square is multiplied by. */
  correction: number;
  /** Added to that. */
  epsilon: number;
  /** The step's length, corrected. */
  length: number;
}

/**
 * A step of Adam in one pass over memory.
 *
 * @returns Weights, mean and mean square; nothing where the backend has no such
 * operation.
 */
export function nativeAdam(
  point: tf.Tensor,
  gradient: tf.Tensor,
  mean: tf.Tensor,
  square: tf.Tensor,
  { kept, decay, betas: [beta1, beta2], correction, epsilon, length }:
    AdamNumbers,
): tf.Tensor[] | undefined {
  const settings = tf.tensor1d([
    ...[kept, decay, beta1, 1 - beta1, beta2, 1 - beta2],
    ...[correction, epsilon, length],
  ]);
  const run = (): tf.Tensor[] =>
    nativeOp(
      "ConvNextFusionAdam",
      [point, gradient, mean, square, settings],
      {},
      3,
    );
  const works = hasNativeOp("adam", run);
  const result = works ? run() : undefined;
  settings.dispose();
  return result;
}

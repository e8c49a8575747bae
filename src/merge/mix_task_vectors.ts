import * as tf from "@tensorflow/tfjs";
import type { MergeInput } from "./method.ts";
import type { NumberParameter } from "./number_parameter.ts";

/** Parameters of {@linkcode mixTaskVectors}, as mergekit names them. */
export interface MixParameters {
  /** What each task vector is multiplied by. */
  weight: NumberParameter;
  /** Whether the sum is divided by the weights that took part. */
  normalize: boolean;
  /** What the result is multiplied by. */
  lambda: NumberParameter;
}

/**
 * mergekit's generalised task arithmetic, its last step: the pretrained weights
 * plus the weighted sum of task vectors, with TIES' sign election or without. A
 * sum of 0 elects the positive sign.
 *
 * @param deltas The models' task vectors, of one shape.
 * @param consensus Whether only what agrees with the sign of the sum takes part.
 */
export function mixTaskVectors(
  { pretrained, modelNames, number }: MergeInput,
  deltas: readonly tf.Tensor[],
  parameters: MixParameters,
  consensus: boolean,
): tf.Tensor {
  const weights = modelNames.map((model) => number(parameters.weight, model));
  const lambda = number(parameters.lambda);
  const mixed = mix(deltas, weights, lambda, parameters.normalize, consensus);
  return tf.add(pretrained, mixed);
}

function mix(
  deltas: readonly tf.Tensor[],
  weights: readonly number[],
  lambda: number,
  normalize: boolean,
  consensus: boolean,
): tf.Tensor {
  const weighted = deltas.map((delta, i) =>
    weights[i] === 1 ? delta : tf.mul(delta, weights[i]!)
  );
  const total = addAll(weighted);
  if (!consensus) {
    const divisor = weights.reduce((sum, weight) => sum + weight, 0);
    const scale = normalize && Math.abs(divisor) >= 1e-8
      ? lambda / divisor
      : lambda;
    return scale === 1 ? total : tf.mul(total, scale);
  }
  const sign = tf.sub(
    tf.mul(tf.cast(tf.greaterEqual(total, 0), "float32"), 2),
    1,
  );
  // Times the elected sign, what agrees is positive.
  const agreeing = weighted.map((delta) => tf.relu(tf.mul(delta, sign)));
  let mixed: tf.Tensor = tf.mul(addAll(agreeing), sign);
  if (normalize) {
    const divisor = addAll(
      agreeing.map((delta, i) => tf.mul(tf.step(delta), weights[i]!)),
    );
    mixed = tf.div(
      mixed,
      tf.where(tf.equal(divisor, 0), tf.onesLike(divisor), divisor),
    );
  }
  return lambda === 1 ? mixed : tf.mul(mixed, lambda);
}

function addAll(tensors: readonly tf.Tensor[]): tf.Tensor {
  return tensors.length === 1 ? tensors[0]! : tf.addN([...tensors]);
}

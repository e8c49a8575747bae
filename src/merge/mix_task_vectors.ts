import * as tf from "@tensorflow/tfjs";

/** How {@linkcode mixTaskVectors} adds task vectors up. */
export interface MixOptions {
  /** What each task vector is multiplied by. */
  weights: readonly number[];
  /** Whether only what agrees with the sign of the sum takes part. */
  consensus: boolean;
  /** Whether the sum is divided by the weights that took part. */
  normalize: boolean;
  /** What the result is multiplied by. */
  lambda: number;
}

/**
 * mergekit's generalised task arithmetic, its last step: the weighted sum of
 * task vectors, with TIES' sign election or without. A sum of 0 elects the
 * positive sign.
 *
 * @param deltas Task vectors of one shape.
 */
export function mixTaskVectors(
  deltas: readonly tf.Tensor[],
  { weights, consensus, normalize, lambda }: MixOptions,
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

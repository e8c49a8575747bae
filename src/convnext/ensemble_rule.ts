import * as tf from "@tensorflow/tfjs";

/** How an ensemble combines its members' logits. */
export interface EnsembleRule {
  /**
   * Their mean, their sum with a weight for each member, or the largest logit
   * of each class.
   */
  readonly combine: "mean" | "sum" | "max";
  /** For `sum`: a weight for each member. */
  readonly weights?: readonly number[] | undefined;
}

/** Combines logits [batch, labels] of an ensemble's members. */
export function combineLogits(
  logits: readonly tf.Tensor[],
  { combine, weights }: EnsembleRule,
): tf.Tensor {
  if (combine === "max") {
    return logits.reduce((largest, next) => tf.maximum(largest, next));
  }
  if (combine === "mean") return tf.div(tf.addN([...logits]), logits.length);
  return tf.addN(logits.map((value, i) => tf.mul(value, weights![i]!)));
}

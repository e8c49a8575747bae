import type * as tf from "@tensorflow/tfjs";

/** Where an update of an optimiser leads. */
export interface Update {
  /** The new weights. */
  point: tf.Tensor;
  /** The new state, one tensor for each of the rule's slots. */
  slots: tf.Tensor[];
}

/**
 * An optimiser's arithmetic. It knows nothing of layers: many weights may be
 * one flat vector.
 */
export interface UpdateRule {
  /** Names of the tensors that it keeps, each of the weights' shape. */
  readonly slots: readonly string[];
  /**
   * Computes one step; runs inside `tf.tidy`.
   *
   * @param point The weights.
   * @param gradient The loss's gradient there, of the same shape.
   * @param slots What the step before left; zeros before the first.
   * @param step 1 for the first.
   * @param learningRate The step's length.
   */
  update(
    point: tf.Tensor,
    gradient: tf.Tensor,
    slots: readonly tf.Tensor[],
    step: number,
    learningRate: number,
  ): Update;
}

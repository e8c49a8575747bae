import * as tf from "@tensorflow/tfjs";

/**
 * Whether `tf.grads` or an optimizer is recording what is computed now, so
 * that only differentiable operations will do.
 */
export function recordsGradients(): boolean {
  const { state } = tf.engine() as unknown as {
    state: { gradientDepth: number };
  };
  return state.gradientDepth > 0;
}

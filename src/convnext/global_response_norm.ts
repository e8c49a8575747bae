import * as tf from "@tensorflow/tfjs";

/** Below the square of any response that counts; a root of 0 has no gradient. */
const SMALLEST_SQUARE = 1e-24;

/**
 * Global response normalization: a channel's features are scaled by its norm
 * over height and width, relative to the mean norm of all channels (epsilon
 * 1e-6); then weight, bias and the features themselves.
 *
 * https://arxiv.org/abs/2301.00808
 *
 * @param features [batch, height, width, channels]
 * @param weight [1, 1, 1, channels]
 * @param bias [1, 1, 1, channels]
 * @returns [batch, height, width, channels]
 */
export function globalResponseNorm(
  features: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor {
  return tf.tidy(() => {
    const squares = tf.sum(tf.square(features), [1, 2], true);
    const norms = tf.sqrt(tf.maximum(squares, SMALLEST_SQUARE));
    const relative = tf.div(norms, tf.add(tf.mean(norms, -1, true), 1e-6));
    const scale = tf.add(tf.mul(relative, weight), 1);
    return tf.add(tf.mul(features, scale), bias);
  });
}

import * as tf from "@tensorflow/tfjs";

/**
 * LayerNorm over the last axis.
 *
 * @param features [..., channels].
 * @param weight [channels].
 * @param bias [channels].
 * @param epsilon Added to the (biased) variance.
 * @returns The shape of `features`.
 */
export function layerNorm<T extends tf.Tensor>(
  features: T,
  weight: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): T {
  return tf.tidy(() => {
    const centred = tf.sub(features, tf.mean(features, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const scale = tf.rsqrt(tf.add(variance, epsilon));
    return tf.add(tf.mul(tf.mul(centred, scale), weight), bias) as T;
  });
}

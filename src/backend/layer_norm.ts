import * as tf from "@tensorflow/tfjs";
import { nativeLayerNorm } from "./native_fused.ts";
import { recordsGradients } from "./records_gradients.ts";
import { wasmLayerNorm } from "./wasm/kernels.ts";

/**
 * LayerNorm over the last axis; differentiable where gradients are recorded,
 * one pass over memory where not and the backend has it.
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
    const fused = recordsGradients()
      ? undefined
      : nativeLayerNorm(features, weight, bias, epsilon) ??
        wasmLayerNorm(features, weight, bias, epsilon);
    if (fused) return fused as T;
    const centred = tf.sub(features, tf.mean(features, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const scale = tf.rsqrt(tf.add(variance, epsilon));
    return tf.add(tf.mul(tf.mul(centred, scale), weight), bias) as T;
  });
}

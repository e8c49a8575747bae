import * as tf from "@tensorflow/tfjs";
import { trainingNormBackward, trainingNormForward } from "../backend/mod.ts";
import type { ConvNextLayerNorm } from "../convnext/mod.ts";

/** A LayerNorm's value before its weights, and what its gradient needs. */
export interface Normalized {
  /** [rows, channels], mean 0 and variance 1 in each row. */
  normal: tf.Tensor2D;
  /** What each row was multiplied by, [rows, 1]. */
  inverse: tf.Tensor;
}

/** Normalises rows. */
export function normalizeRows(
  rows: tf.Tensor,
  epsilon: number,
): Normalized {
  const centred = tf.sub(rows, tf.mean(rows, 1, true));
  const variance = tf.mean(tf.square(centred), 1, true);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  return { normal: tf.mul(centred, inverse), inverse };
}

/** The gradient of {@linkcode normalizeRows}, by that of its result. */
export function normalizeRowsGradient(
  gradient: tf.Tensor,
  { normal, inverse }: Normalized,
): tf.Tensor {
  const along = tf.mean(tf.mul(gradient, normal), 1, true);
  const across = tf.sub(gradient, tf.mean(gradient, 1, true));
  return tf.mul(tf.sub(across, tf.mul(normal, along)), inverse);
}

/**
 * Sums over rows, [channels]: as a product where reductions across memory are
 * slow. Not on wasm, whose products keep a cache of their second factors that
 * some short-lived vectors corrupt when they are released.
 */
export function columnSums(rows: tf.Tensor): tf.Tensor1D {
  if (tf.getBackend() === "wasm") return tf.sum(rows, 0);
  const ones = tf.ones([1, rows.shape[0]!]);
  return tf.reshape(tf.matMul(ones, rows), [-1]);
}

/**
 * A LayerNorm layer with its gradient in few passes over memory.
 *
 * @param features [..., channels]; differentiable.
 */
export function trainingLayerNorm(
  layer: ConvNextLayerNorm,
  features: tf.Tensor,
): tf.Tensor {
  const [weight, bias] = layer.weights.map((variable) => variable.read());
  const epsilon = layer.getConfig()["epsilon"] as number;
  const normalize = tf.customGrad((x, w, b, save) => {
    const [input, scale, shift] = [x, w, b] as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const native = trainingNormForward(input, scale, shift, epsilon);
    if (native) {
      const { value, normal, inverse } = native;
      (save as tf.GradSaveFunc)([normal, inverse, scale]);
      return {
        value,
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
          trainingNormBackward(
            dy,
            { normal: saved[0]!, inverse: saved[1]! },
            saved[2]!,
          ),
      };
    }
    const rows = tf.reshape(input!, [-1, input.shape.at(-1)!]);
    const { normal, inverse } = normalizeRows(rows, epsilon);
    (save as tf.GradSaveFunc)([normal, inverse, scale]);
    return {
      value: tf.reshape(
        tf.add(tf.mul(normal, scale), shift),
        input.shape,
      ),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [normal, inverse, scale] = saved as [
          tf.Tensor2D,
          tf.Tensor,
          tf.Tensor,
        ];
        const out = tf.reshape(dy, normal.shape);
        const dRows = normalizeRowsGradient(tf.mul(out, scale), {
          normal,
          inverse,
        });
        return [
          tf.reshape(dRows, dy.shape),
          columnSums(tf.mul(out, normal)),
          columnSums(out),
        ];
      },
    };
  });
  return normalize(features, weight!, bias!);
}

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** Each model's share; they are divided by their sum. */
  weight: NumberParameter;
  /** Interpolates columns instead of rows, when not flattened. */
  nuslerp_row_wise: boolean;
  /** Takes each tensor as one vector. */
  nuslerp_flatten: boolean;
}

/** Sine below which two vectors count as parallel. */
const PARALLEL = 1e-8;

/**
 * NuSLERP: spherical linear interpolation of two models with shares by model,
 * of whole tensors, or vector by vector along their last (or, `row_wise`,
 * first) dimension. Where the pool has `_pretrained_`, mergekit's `base_model`, task vectors are
 * interpolated instead of weights.
 *
 * https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md
 */
const nuslerp: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "optional",
  minimumModels: 2,
  maximumModels: 2,
  parameters: z.strictObject({
    weight: numberParameter().default(1),
    nuslerp_row_wise: z.boolean().default(false),
    nuslerp_flatten: z.boolean().default(true),
  }),
  merge(input, { weight, nuslerp_row_wise, nuslerp_flatten }) {
    const { shape, models, modelNames, number } = input;
    const weights = modelNames.map((name) => number(weight, name));
    const total = weights[0]! + weights[1]!;
    const t = Math.abs(total) < 1e-6 ? 0.5 : weights[1]! / total;
    const base = input.hasPretrained ? input.pretrained : undefined;
    const [first, second] = models.map((model) =>
      base ? tf.sub(model, base) : model
    ) as [tf.Tensor, tf.Tensor];

    // The dimension along which vectors run is brought to the end.
    const order = shape.map((_, i) => i);
    if (nuslerp_row_wise && order.length > 1) {
      [order[0], order[order.length - 1]] = [order.length - 1, 0];
    }
    const merged = nuslerp_flatten
      ? tf.reshape(
        interpolate(tf.reshape(first, [-1]), tf.reshape(second, [-1]), t),
        shape as number[],
      )
      : tf.transpose(
        interpolate(tf.transpose(first, order), tf.transpose(second, order), t),
        order,
      );
    return base ? tf.add(base, merged) : merged;
  },
};
export default nuslerp;

/** Interpolates along the last dimension. */
function interpolate(a: tf.Tensor, b: tf.Tensor, t: number): tf.Tensor {
  const unit = (x: tf.Tensor): tf.Tensor =>
    tf.div(x, tf.maximum(tf.norm(x, 2, -1, true), 1e-7));
  const cosine = tf.sum(tf.mul(unit(a), unit(b)), -1, true);
  const theta = tf.acos(tf.clipByValue(cosine, -1, 1));
  const sine = tf.sin(theta);
  const parallel = tf.less(tf.abs(sine), PARALLEL);
  const mix = (x: tf.Tensor, y: tf.Tensor): tf.Tensor =>
    tf.add(tf.mul(a, x), tf.mul(b, y));
  const ones = tf.onesLike(sine);
  return mix(
    tf.where(
      parallel,
      tf.mul(ones, 1 - t),
      tf.div(tf.sin(tf.mul(theta, 1 - t)), sine),
    ),
    tf.where(
      parallel,
      tf.mul(ones, t),
      tf.div(tf.sin(tf.mul(theta, t)), sine),
    ),
  );
}

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  frobeniusNorm,
  innerProduct,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** Each model's share. */
  weight: NumberParameter;
  /** Divides the weights by their sum. */
  normalize_weights: boolean;
  /** Added to norms that are divided by. */
  eps: number;
}

/**
 * Multi-SLERP: each tensor's directions are averaged on the sphere, in the
 * tangent space at their normalised weighted mean, and scaled to the weighted
 * mean of their norms. Where the pool has `_pretrained_`, mergekit's `base_model`, task vectors are
 * merged instead of weights.
 *
 * https://goddard.blog/posts/multislerp-wow-what-a-cool-idea
 */
const multislerp: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "optional",
  readsValues: true,
  parameters: z.strictObject({
    weight: numberParameter().default(1),
    normalize_weights: z.boolean().default(true),
    eps: z.number().min(0).default(1e-8),
  }),
  merge(input, { weight, normalize_weights, eps }) {
    const { models, modelNames, number } = input;
    if (models.length === 1) return tf.clone(models[0]!);
    const base = input.hasPretrained ? input.pretrained : undefined;
    const vectors = models.map((model) => base ? tf.sub(model, base) : model);
    let weights = modelNames.map((name) => number(weight, name));
    if (normalize_weights) {
      const total = weights.reduce((sum, value) => sum + value, 0);
      weights = weights.map((value) => value / total);
    }
    const mix = (tensors: readonly tf.Tensor[]): tf.Tensor =>
      tf.addN(tensors.map((tensor, i) => tf.mul(tensor, weights[i]!)));
    const finish = (tensor: tf.Tensor): tf.Tensor =>
      base ? tf.add(base, tensor) : tensor;

    const norms = vectors.map(frobeniusNorm);
    const units = vectors.map((vector, i) => tf.div(vector, norms[i]! + eps));
    const sum = mix(units);
    const length = frobeniusNorm(sum);
    if (length < eps) {
      if (models.length === 2) return finish(mix(vectors));
      throw new MethodError(
        `method mergekit/multislerp: tensor ${input.name}: the weighted directions of ${
          modelNames.join(", ")
        } cancel out, expected other weights`,
      );
    }
    const mean = tf.div(sum, length);
    const tangent = mix(
      units.map((unit) => tf.sub(unit, tf.mul(mean, innerProduct(unit, mean)))),
    );
    const angle = frobeniusNorm(tangent) + eps;
    const direction = tf.add(
      tf.mul(mean, Math.cos(angle)),
      tf.mul(tangent, Math.sin(angle) / angle),
    );
    const norm = norms.reduce(
      (total, value, i) => total + value * weights[i]!,
      0,
    );
    return finish(tf.mul(direction, norm));
  },
};
export default multislerp;

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import type { MergeMethod } from "../../merge/mod.ts";

interface Parameters {
  /** Divides the weights by their sum. */
  normalize: boolean;
  /** One weight a model, in the pool's order. */
  weights: number[];
}

/**
 * Weighted average of the experts' weights.
 *
 * https://arxiv.org/abs/2203.05482
 */
const weightedAverage: MergeMethod<Parameters> = {
  granularity: "element",
  propagatesNonfinite: true,
  pretrained: "unused",
  parameters: z.strictObject({
    normalize: z.boolean().default(true),
    weights: z.array(z.number()),
  }),
  check({ normalize, weights }, modelNames) {
    if (weights.length !== modelNames.length) {
      throw new MethodError(
        `method linear/weighted_average: weights has ${weights.length} entries, expected one for each of the ${modelNames.length} models (${
          modelNames.join(", ")
        })`,
      );
    }
    if (normalize && sum(weights) === 0) {
      throw new MethodError(
        `method linear/weighted_average: weights [${weights}] sum to 0, expected another sum with normalize=true`,
      );
    }
  },
  merge({ models }, { normalize, weights }) {
    const scale = normalize ? 1 / sum(weights) : 1;
    return tf.addN(
      models.map((model, i) => tf.mul(model, weights[i]! * scale)),
    );
  },
};
export default weightedAverage;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  elementMethod,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** Divides the weights by their sum. */
  normalize: boolean;
  /**
   * One weight a model, in the pool's order; each may vary by tensor and depth:
   * `[[0, 1], [1, 0]]` goes over from the second model to the first.
   */
  weights: NumberParameter[];
}

/**
 * Weighted average of the experts' weights.
 *
 * https://arxiv.org/abs/2203.05482
 */
const weightedAverage: MergeMethod<Parameters> = elementMethod({
  propagatesNonfinite: true,
  pretrained: "unused",
  parameters: z.strictObject({
    normalize: z.boolean().default(true),
    weights: z.array(numberParameter()),
  }),
  check({ normalize, weights }, modelNames) {
    if (weights.length !== modelNames.length) {
      throw new MethodError(
        `method linear/weighted_average: weights has ${weights.length} entries, expected one for each of the ${modelNames.length} models (${
          modelNames.join(", ")
        })`,
      );
    }
    const numbers = weights.filter((weight) => typeof weight === "number");
    if (normalize && numbers.length === weights.length) divisorOf(numbers);
  },
  plan({ modelNames, number }, { normalize, weights }) {
    const values = weights.map((weight, i) => number(weight, modelNames[i]));
    const scale = normalize ? 1 / divisorOf(values) : 1;
    return {
      kind: "sum",
      ofTaskVectors: false,
      weights: values.map((value) => value * scale),
    };
  },
});
export default weightedAverage;

/** The weights' sum, which they are divided by. */
function divisorOf(weights: readonly number[]): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum !== 0) return sum;
  throw new MethodError(
    `method linear/weighted_average: weights [${weights}] sum to 0, expected another sum with normalize=true`,
  );
}

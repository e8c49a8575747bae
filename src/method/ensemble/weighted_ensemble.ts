import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import { ensembleMethod, type MergeMethod } from "../../merge/mod.ts";

interface Parameters {
  /** Divides the weights by their sum. */
  normalize: boolean;
  /** One for each model, in the pool's order; `null`: all the same. */
  weights: readonly number[] | null;
}

/**
 * Weighted ensemble: the sum of the models' logits, each times its weight.
 *
 * https://github.com/tanganke/fusion_bench (`ensemble/weighted_ensemble`)
 *
 * Unlike FusionBench it is defined for every pool: where the models do not all
 * name the same classes, a task's head is put on every model's backbone.
 */
const weightedEnsemble: MergeMethod<Parameters> = ensembleMethod(
  z.strictObject({
    normalize: z.boolean().default(true),
    weights: z.array(z.number()).nullable().default(null),
  }),
  ({ normalize, weights: given }, modelNames) => {
    const count = modelNames.length;
    const weights = given ?? modelNames.map(() => 1 / count);
    if (weights.length !== count) {
      throw new MethodError(
        `method ensemble/weighted_ensemble: weights has ${weights.length} numbers, expected ${count}, one for each of ${
          modelNames.join(", ")
        }`,
      );
    }
    const sum = weights.reduce((total, weight) => total + weight, 0);
    if (normalize && sum === 0) {
      throw new MethodError(
        `method ensemble/weighted_ensemble: weights ${
          weights.join(", ")
        } add up to 0, expected another sum or normalize=false`,
      );
    }
    return {
      combine: "sum",
      weights: normalize ? weights.map((weight) => weight / sum) : weights,
    };
  },
);
export default weightedEnsemble;

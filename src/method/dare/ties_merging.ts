import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  dropFactors,
  findTiesFacts,
  type MergeMethod,
  mergeTies,
  type NumberParameter,
  numberParameter,
  type TiesFacts,
} from "../../merge/mod.ts";
import {
  type DareParameters,
  dareParameters,
  prunedTaskVectors,
} from "./task_arithmetic.ts";

interface Parameters extends DareParameters {
  /** What the merged task vector is multiplied by. */
  scaling_factor: NumberParameter;
  /** Elements that each model keeps, as in `ties_merging`. */
  threshold: NumberParameter;
  /** Tensors that stay as they are in `_pretrained_`. */
  remove_keys: string[];
  /** How values that agree in sign are combined. */
  merge_func: "sum" | "mean" | "max";
}

/**
 * DARE with TIES: task vectors are pruned and rescaled as in
 * `dare/task_arithmetic`, then merged as in `ties_merging`, whose thresholds
 * count over the pruned task vectors, zeros included.
 *
 * https://arxiv.org/abs/2311.03099, https://arxiv.org/abs/2306.01708
 */
const dareTiesMerging: MergeMethod<Parameters, TiesFacts> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    ...dareParameters,
    scaling_factor: numberParameter({ perModel: false }).default(0.5),
    threshold: numberParameter({ minimum: 0, maximum: 100, perTensor: false })
      .default(20),
    remove_keys: z.array(z.string()).default([]),
    merge_func: z.enum(["sum", "mean", "max"]).default("sum"),
  }),
  prepare(pool, parameters, context) {
    return findTiesFacts(pool, parameters, context, (chunk) => {
      const { name, begin, deltas, modelNames, number } = chunk;
      deltas.forEach((delta, t) => {
        const model = modelNames[t]!;
        const factors = dropFactors(model, name, begin, delta.length, {
          sparsityRatio: number(parameters.sparsity_ratio, model),
          rescale: parameters.rescale,
          onlyOnLinearWeights: parameters.only_on_linear_weights,
          seed: parameters.seed,
        });
        if (!factors) return;
        for (let i = 0; i < delta.length; i++) delta[i]! *= factors[i]!;
      });
    });
  },
  merge(input, parameters, facts) {
    const { name, pretrained, number } = input;
    if (parameters.remove_keys.includes(name)) return pretrained;
    const deltas = prunedTaskVectors(input, parameters);
    const merged = mergeTies(deltas, facts, parameters.merge_func);
    return tf.add(
      pretrained,
      tf.mul(merged, number(parameters.scaling_factor)),
    );
  },
};
export default dareTiesMerging;

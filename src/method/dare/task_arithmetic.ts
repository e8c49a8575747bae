import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  dropFactors,
  factorsOf,
  type MergeInput,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  sumOperations,
} from "../../merge/mod.ts";

/** How DARE prunes, as in its presets. */
export interface DareParameters {
  /** Share of each task vector's elements that is dropped. */
  sparsity_ratio: NumberParameter;
  /** Whether only the weights of linear layers are pruned. */
  only_on_linear_weights: boolean;
  /** Whether what remains is divided by 1 - sparsity_ratio. */
  rescale: boolean;
  /** Chooses the elements that are dropped. */
  seed: number;
}

/** The schemas of {@linkcode DareParameters}, with FusionBench's defaults. */
export const dareParameters = {
  sparsity_ratio: numberParameter({ minimum: 0, maximum: 1 }).default(0.5),
  only_on_linear_weights: z.boolean().default(false),
  rescale: z.boolean().default(true),
  seed: z.number().int().default(0),
};

/** Each model's task vector after DARE, times nothing. */
export function prunedTaskVectors(
  { name, begin, pretrained, models, modelNames, number }: MergeInput,
  parameters: DareParameters,
): tf.Tensor[] {
  return models.map((model, i) => {
    const delta = tf.sub(model, pretrained);
    const factors = dropFactors(modelNames[i]!, name, begin, delta.size, {
      sparsityRatio: number(parameters.sparsity_ratio, modelNames[i]),
      rescale: parameters.rescale,
      onlyOnLinearWeights: parameters.only_on_linear_weights,
      seed: parameters.seed,
    });
    return factors ? tf.mul(delta, tf.tensor(factors, delta.shape)) : delta;
  });
}

interface Parameters extends DareParameters {
  /** What task vectors are multiplied by. */
  scaling_factor: NumberParameter;
}

/**
 * DARE with task arithmetic: drops a random share of each task vector, divides
 * the rest by the share that is left, and adds scaling_factor times the sum to
 * the pretrained weights.
 *
 * https://arxiv.org/abs/2311.03099
 *
 * With `only_on_linear_weights` a ConvNeXt's pointwise convolutions are pruned
 * (`transformers` builds them as `nn.Linear`); other task vectors are merged
 * whole. Unlike FusionBench, the elements that are dropped follow from `seed`
 * alone, whatever the backend and the chunk size; and a ratio of 1 gives the
 * pretrained weights (FusionBench divides 0 by 0).
 */
const dareTaskArithmetic: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  propagatesNonfinite: true,
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(0.3),
    ...dareParameters,
  }),
  merge(input, parameters) {
    const pruned = prunedTaskVectors(input, parameters);
    const factors = factorsOf(parameters.scaling_factor, input);
    return tf.add(input.pretrained, sumOperations(pruned, factors));
  },
};
export default dareTaskArithmetic;

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  magnitudeRankMask,
  type MergeInput,
  type MergeMethod,
  mixTaskVectors,
  type NumberParameter,
  numberParameter,
  rescaleToNorm,
  taskVectorValues,
} from "../../merge/mod.ts";

/** Parameters of model breadcrumbs, as in mergekit. */
export interface BreadcrumbsParameters {
  /** What each task vector is multiplied by. */
  weight: NumberParameter;
  /** Share of each tensor's elements that is kept. */
  density: NumberParameter;
  /** Share of each tensor's elements dropped as outliers: the largest. */
  gamma: NumberParameter;
  /** Whether the sum is divided by the weights that took part. */
  normalize: boolean;
  /** Whether what is kept is scaled to the L1 norm of the whole. */
  rescale: boolean;
  /** What the merged task vector is multiplied by. */
  lambda: NumberParameter;
}

/** The schema of {@linkcode BreadcrumbsParameters}, with mergekit's defaults. */
export const breadcrumbsParameters: z.ZodType<BreadcrumbsParameters> = z
  .strictObject({
    weight: numberParameter().default(1),
    density: numberParameter({ minimum: 0, maximum: 1 }).default(1),
    gamma: numberParameter({ minimum: 0, maximum: 1 }).default(0.01),
    normalize: z.boolean().default(false),
    rescale: z.boolean().default(false),
    lambda: numberParameter({ perModel: false }).default(1),
  });

/** Drops each task vector's largest and smallest elements, then adds them up. */
export function mergeBreadcrumbs(
  input: MergeInput,
  parameters: BreadcrumbsParameters,
  consensus: boolean,
): tf.Tensor {
  const { modelNames, number, pretrained } = input;
  const values = taskVectorValues(input);
  const deltas = input.models.map((model, i) => {
    const delta = tf.sub(model, pretrained);
    const density = number(parameters.density, modelNames[i]);
    if (density >= 1) return delta;
    const gamma = number(parameters.gamma, modelNames[i]);
    const mask = keptMask(values[i]!, density, gamma);
    if (parameters.rescale) rescaleToNorm(values[i]!, mask);
    return tf.mul(delta, tf.tensor(mask, delta.shape));
  });
  return mixTaskVectors(input, deltas, parameters, consensus);
}

function keptMask(
  delta: Float32Array,
  density: number,
  gamma: number,
): Float32Array {
  const kept = Math.floor(density * delta.length);
  const outliers = Math.floor(gamma * delta.length);
  // Where both shares do not fit, fewer outliers are dropped.
  const low = Math.max(delta.length - kept - outliers, 0);
  return magnitudeRankMask(delta, low, low + kept);
}

/**
 * Model breadcrumbs: of each tensor's task vector the share `gamma` of largest
 * magnitude is dropped, then the smallest, until the share `density` is left;
 * the weighted sum, times `lambda`, is added to the pretrained weights.
 *
 * https://arxiv.org/abs/2312.06795
 *
 * A tensor too small for an outlier loses none (mergekit, for it as for
 * `gamma: 0`, drops the whole tensor). mergekit's `weight` has no default; here
 * it is 1. Its `int8_mask` changes no number and is left out.
 */
const breadcrumbs: MergeMethod<BreadcrumbsParameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: breadcrumbsParameters,
  merge: (input, parameters) => mergeBreadcrumbs(input, parameters, false),
};
export default breadcrumbs;

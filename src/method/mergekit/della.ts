import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  magnitudeRanks,
  type MergeInput,
  type MergeMethod,
  mixTaskVectors,
  type NumberParameter,
  numberParameter,
  randomUniform,
  rescaleToNorm,
  taskVectorValues,
} from "../../merge/mod.ts";

/** Parameters of DELLA, as in mergekit. */
export interface DellaParameters {
  /** What each task vector is multiplied by. */
  weight: NumberParameter;
  /** Share of a task vector's elements that is kept, on average. */
  density: NumberParameter;
  /** How far the probability to be kept varies around `density`. */
  epsilon: NumberParameter;
  /** Whether the sum is divided by the weights that took part. */
  normalize: boolean;
  /** Whether what is kept is scaled to the L1 norm of the whole. */
  rescale: boolean;
  /** What the merged task vector is multiplied by. */
  lambda: NumberParameter;
  /** Chooses the elements that are dropped. */
  seed: number;
}

/** DELLA's schema; the two methods differ in the default of `normalize`. */
export function dellaParameters(
  normalize: boolean,
): z.ZodType<DellaParameters> {
  return z.strictObject({
    weight: numberParameter().default(1),
    density: numberParameter({ minimum: 0, maximum: 1 }).default(1),
    epsilon: numberParameter({ minimum: 0, maximum: 1 }).default(0.15),
    normalize: z.boolean().default(normalize),
    rescale: z.boolean().default(true),
    lambda: numberParameter({ perModel: false }).default(1),
    seed: z.number().int().default(0),
  });
}

/** Prunes each task vector by magnitude and chance, then adds them up. */
export function mergeDella(
  input: MergeInput,
  parameters: DellaParameters,
  consensus: boolean,
): tf.Tensor {
  const { modelNames, pretrained } = input;
  const values = taskVectorValues(input);
  const deltas = input.models.map((model, i) => {
    const delta = tf.sub(model, pretrained);
    const mask = keptMask(input, values[i]!, modelNames[i]!, parameters);
    return mask ? tf.mul(delta, tf.tensor(mask, delta.shape)) : delta;
  });
  return mixTaskVectors(input, deltas, parameters, consensus);
}

function keptMask(
  { name, shape, number }: MergeInput,
  delta: Float32Array,
  model: string,
  parameters: DellaParameters,
): Float32Array | undefined {
  const density = number(parameters.density, model);
  const epsilon = number(parameters.epsilon, model);
  if (density >= 1) return undefined;
  if (density <= 0) return new Float32Array(delta.length);
  if (density + epsilon >= 1 || density - epsilon <= 0) {
    throw new MethodError(
      `tensor ${name} of model ${model}: density ${density} and epsilon ${epsilon}, expected density - epsilon and density + epsilon between 0 and 1`,
    );
  }
  const rowLength = shape.length < 2 ? delta.length : delta.length / shape[0]!;
  const ranks = magnitudeRanks(delta, rowLength);
  const mask = randomUniform(parameters.seed, [model, name], 0, delta.length);
  for (let i = 0; i < mask.length; i++) {
    // A row of one element has no order: its probability is the density.
    const place = rowLength === 1 ? 0.5 : ranks[i]! / (rowLength - 1);
    const probability = density - epsilon + 2 * epsilon * place;
    mask[i] = mask[i]! < probability ? 1 : 0;
  }
  return parameters.rescale ? rescaleToNorm(delta, mask) : mask;
}

/**
 * DELLA: each task vector drops elements by chance, the more likely the smaller
 * their magnitude is in their row (from `density` - `epsilon` kept of the
 * smallest to `density` + `epsilon` of the largest), and is scaled to its former
 * L1 norm; then TIES' sign election, the weighted average of what agrees, times
 * `lambda`.
 *
 * https://arxiv.org/abs/2406.11617
 *
 * A row is what feeds one output: in a convolution all its weights of one
 * output channel (mergekit ranks over axis 1 alone, which fails on a depthwise
 * convolution, where that axis has one element). What is dropped follows from
 * `seed`. mergekit's `weight` has no default; here it is 1. Its `int8_mask`
 * changes no number and is left out.
 */
const della: MergeMethod<DellaParameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: dellaParameters(true),
  merge: (input, parameters) => mergeDella(input, parameters, true),
};
export default della;

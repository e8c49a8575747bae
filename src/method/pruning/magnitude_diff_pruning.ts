import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  isLinearWeight,
  magnitudeRanks,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  taskVectorValues,
} from "../../merge/mod.ts";

interface Parameters {
  /** Share of each row of the task vector that is pruned. */
  prune_ratio: NumberParameter;
  /**
   * What remains is multiplied by: a number, 1 / prune_ratio (`true`), or
   * nothing (`false`, `null`).
   */
  rescale: boolean | number | null;
  /**
   * Regular expressions: tensors whose names start with a match are pruned.
   * `null` means the weights of linear layers.
   */
  extract_names: string[] | null;
  /** Prunes the smallest magnitudes (`minor`) or the largest (`major`). */
  prune_type: "minor" | "major";
}

const regularExpression = z.string().refine((text) => {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}, "not a regular expression");

/**
 * Magnitude pruning of one expert's task vector: in each row of the tensors
 * chosen, the share `prune_ratio` of smallest (or largest) magnitude goes back
 * to the pretrained weights. Tensors that are not chosen become the pretrained
 * ones.
 *
 * https://arxiv.org/abs/1506.02626
 *
 * As FusionBench's, which counts by output row and whose `rescale: true` means
 * 1 / prune_ratio. Unlike it, `rescale: false`, the default, leaves the rest
 * alone (FusionBench multiplies it by 0 and returns the pretrained model); a
 * convolution's row is all weights of one output channel; and a vector, which
 * FusionBench cannot prune, is one row.
 */
const magnitudeDiffPruning: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  maximumModels: 1,
  parameters: z.strictObject({
    prune_ratio: numberParameter({ minimum: 0, maximum: 1 }).default(0.5),
    rescale: z.union([z.boolean(), z.number(), z.null()]).default(false),
    extract_names: z.array(regularExpression).nullable().default(null),
    prune_type: z.enum(["minor", "major"]).default("minor"),
  }),
  merge(input, { prune_ratio, rescale, extract_names, prune_type }) {
    const { name, shape, pretrained, models, modelNames, number } = input;
    const chosen = extract_names === null
      ? isLinearWeight(name)
      : extract_names.some((text) => new RegExp(`^(?:${text})`).test(name));
    if (!chosen) return pretrained;
    const delta = taskVectorValues(input)[0]!;
    const ratio = number(prune_ratio, modelNames[0]);
    if (rescale === true && ratio === 0) {
      throw new MethodError(
        "rescale is true and prune_ratio 0: what remains is multiplied by 1 / prune_ratio, expected more than 0",
      );
    }
    const factor = rescale === true
      ? 1 / ratio
      : rescale === false || rescale === null
      ? 1
      : rescale;
    const rowLength = shape.length < 2
      ? delta.length
      : delta.length / shape[0]!;
    const pruned = Math.floor(rowLength * ratio);
    const factors = new Float32Array(delta.length);
    magnitudeRanks(delta, rowLength).forEach((rank, i) => {
      const kept = prune_type === "minor"
        ? rank >= pruned
        : rank < rowLength - pruned;
      if (kept) factors[i] = factor;
    });
    return tf.add(
      pretrained,
      tf.mul(
        tf.sub(models[0]!, pretrained),
        tf.tensor(factors, pretrained.shape),
      ),
    );
  },
};
export default magnitudeDiffPruning;

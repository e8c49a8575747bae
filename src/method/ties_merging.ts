import * as z from "zod";
import {
  elementMethod,
  findTiesFacts,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  type TiesFacts,
} from "../merge/mod.ts";

interface Parameters {
  /** What the merged task vector is multiplied by. */
  scaling_factor: NumberParameter;
  /**
   * Elements that each model keeps: a share up to 1, a percentage above. It may
   * differ by model; it is one for all tensors of a model.
   */
  threshold: NumberParameter;
  /** Tensors that stay as they are in `_pretrained_`. */
  remove_keys: string[];
  /** How values that agree in sign are combined. */
  merge_func: "sum" | "mean" | "max";
}

/**
 * TIES merging: each task vector keeps its largest elements, counted over all
 * fusion targets; each element elects the sign with the larger total; values of
 * that sign are added up (`sum`), averaged (`mean`), or the largest is taken
 * (`max`); the result times `scaling_factor` is added to the pretrained weights.
 *
 * https://arxiv.org/abs/2306.01708
 *
 * As FusionBench: elements as large as the k-th magnitude are all kept, and
 * where the kept values cancel exactly, the sign that most elements elected
 * decides. Unlike it: a threshold of 1 or 100 keeps everything (FusionBench
 * fails), and `remove_keys` are kept as in `_pretrained_` (there they are lost).
 */
const tiesMerging: MergeMethod<Parameters, TiesFacts> = elementMethod<
  Parameters,
  TiesFacts
>({
  pretrained: "needed",
  parameters: z.strictObject({
    scaling_factor: numberParameter({ perModel: false }).default(0.3),
    threshold: numberParameter({ minimum: 0, maximum: 100, perTensor: false })
      .default(20),
    remove_keys: z.array(z.string()).default([]),
    merge_func: z.enum(["sum", "mean", "max"]).default("sum"),
  }),
  prepare: findTiesFacts,
  plan({ name, number }, parameters, facts) {
    if (parameters.remove_keys.includes(name)) return { kind: "keep" };
    return {
      kind: "ties",
      facts,
      mergeFunction: parameters.merge_func,
      scale: number(parameters.scaling_factor),
    };
  },
});
export default tiesMerging;

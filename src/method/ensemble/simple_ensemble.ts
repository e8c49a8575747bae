import * as z from "zod";
import { ensembleMethod, type MergeMethod } from "../../merge/mod.ts";

interface Parameters {
  /** FusionBench's; every model computes on the active backend here. */
  device_map: null;
}

/**
 * Simple ensemble: the mean of the models' logits.
 *
 * https://github.com/tanganke/fusion_bench (`ensemble/simple_ensemble`)
 *
 * Unlike FusionBench it is defined for every pool: where the models do not all
 * name the same classes, a task's head is put on every model's backbone.
 */
const simpleEnsemble: MergeMethod<Parameters> = ensembleMethod(
  z.strictObject({
    device_map: z.null("expected null: there is one backend").default(null),
  }),
  () => ({ combine: "mean" }),
);
export default simpleEnsemble;

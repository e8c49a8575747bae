import * as z from "zod";
import { ensembleMethod, type MergeMethod } from "../../merge/mod.ts";

/**
 * Max model predictor: of each class, the largest of the models' logits.
 *
 * https://github.com/tanganke/fusion_bench (`ensemble/max_model_predictor`)
 *
 * The maximum is taken class by class, as FusionBench's code does, not of one
 * model chosen for an image. Unlike FusionBench it is defined for every pool:
 * where the models do not all name the same classes, a task's head is put on
 * every model's backbone.
 */
const maxModelPredictor: MergeMethod<Record<string, never>> = ensembleMethod(
  z.strictObject({}),
  () => ({ combine: "max" }),
);
export default maxModelPredictor;

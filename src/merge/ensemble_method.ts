import type * as z from "zod";
import type { EnsembleRule } from "../convnext/mod.ts";
import { MethodError } from "../fusion_error.ts";
import type { MergeMethod } from "./method.ts";

/**
 * A method that merges no weights but lets the models of a pool classify
 * together.
 *
 * @param parameters Validates parameters and fills in defaults.
 * @param rule How the models' logits are combined.
 */
export function ensembleMethod<P>(
  parameters: z.ZodType<P>,
  rule: (parameters: P, modelNames: readonly string[]) => EnsembleRule,
): MergeMethod<P> {
  return {
    granularity: "element",
    pretrained: "unused",
    parameters,
    ensemble: rule,
    check() {
      throw new MethodError(
        "an ensemble merges no weights, expected ensembleModels or ensembleToFolder to make it",
      );
    },
    merge: ({ models }) => models[0]!, // never reached: `check` refuses
  };
}

import * as z from "zod";
import { elementMethod, type MergeMethod } from "../merge/mod.ts";

/**
 * Simple average (model soup): the mean of the experts' weights.
 *
 * https://arxiv.org/abs/2203.05482
 */
const simpleAverage: MergeMethod<Record<string, never>> = elementMethod({
  propagatesNonfinite: true,
  pretrained: "unused",
  parameters: z.strictObject({}),
  plan: ({ modelNames }) => ({
    kind: "sum",
    ofTaskVectors: false,
    divisor: modelNames.length,
  }),
});
export default simpleAverage;

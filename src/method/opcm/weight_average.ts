import * as z from "zod";
import type { MergeMethod } from "../../merge/mod.ts";
import simpleAverage from "../simple_average.ts";

interface Parameters {
  /** Of no effect: an average does not depend on order. */
  shuffle_order: boolean;
  /** Of no effect. */
  seed: number | null;
}

/**
 * Continual weight averaging: a running average of the models, so at the end
 * the same as `simple_average`.
 *
 * https://arxiv.org/abs/2203.05482
 */
const continualWeightAverage: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "unused",
  parameters: z.strictObject({
    shuffle_order: z.boolean().default(true),
    seed: z.int().nullable().default(null),
  }),
  merge: (input) => simpleAverage.merge(input, {}, undefined),
};
export default continualWeightAverage;

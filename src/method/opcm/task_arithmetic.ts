import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";
import taskArithmetic from "../task_arithmetic.ts";

interface Parameters {
  /** What task vectors are multiplied by. */
  scaling_factor: NumberParameter;
  /** Of no effect: a sum does not depend on order. */
  shuffle_order: boolean;
  /** Of no effect. */
  seed: number | null;
}

/**
 * Continual task arithmetic: adds one task vector after the other, so at the
 * end the same as `task_arithmetic`.
 *
 * https://arxiv.org/abs/2212.04089
 */
const continualTaskArithmetic: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(0.3),
    shuffle_order: z.boolean().default(true),
    seed: z.int().nullable().default(null),
  }),
  merge: (input, { scaling_factor }) =>
    taskArithmetic.merge(input, { scaling_factor }, undefined),
};
export default continualTaskArithmetic;

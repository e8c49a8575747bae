import * as z from "zod";
import {
  elementMethod,
  factorsOf,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../merge/mod.ts";

interface Parameters {
  /** What task vectors are multiplied by. */
  scaling_factor: NumberParameter;
}

/**
 * Task arithmetic: pretrained + scaling_factor * sum of task vectors.
 *
 * https://arxiv.org/abs/2212.04089
 */
const taskArithmetic: MergeMethod<Parameters> = elementMethod({
  propagatesNonfinite: true,
  pretrained: "needed",
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(0.3),
  }),
  plan: (input, { scaling_factor }) => ({
    kind: "sum",
    ofTaskVectors: true,
    ...factorsOf(scaling_factor, input),
  }),
});
export default taskArithmetic;

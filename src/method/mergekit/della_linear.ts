import type { MergeMethod } from "../../merge/mod.ts";
import { type DellaParameters, dellaParameters, mergeDella } from "./della.ts";

/**
 * DELLA without sign election: task vectors are pruned as in `mergekit/della`,
 * then their weighted sum, times `lambda`, is added to the pretrained weights.
 *
 * https://arxiv.org/abs/2406.11617
 */
const dellaLinear: MergeMethod<DellaParameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: dellaParameters(false),
  merge: (input, parameters) => mergeDella(input, parameters, false),
};
export default dellaLinear;

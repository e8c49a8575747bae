import type { MergeMethod } from "../../merge/mod.ts";
import {
  type BreadcrumbsParameters,
  breadcrumbsParameters,
  mergeBreadcrumbs,
} from "./breadcrumbs.ts";

/**
 * Model breadcrumbs with TIES' sign election: task vectors are pruned as in
 * `mergekit/breadcrumbs`; of each element, the values that agree with the sign
 * of their weighted sum are added up.
 *
 * https://arxiv.org/abs/2312.06795, https://arxiv.org/abs/2306.01708
 */
const breadcrumbsTies: MergeMethod<BreadcrumbsParameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: breadcrumbsParameters,
  merge: (input, parameters) => mergeBreadcrumbs(input, parameters, true),
};
export default breadcrumbsTies;

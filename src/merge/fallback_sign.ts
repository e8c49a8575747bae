import type { TiesMergeFunction } from "./merge_ties.ts";
import type { TiesFacts } from "./ties_facts.ts";

/**
 * The sign that decides in TIES where no value or no sum does. Where no sign
 * has the majority at all, FusionBench keeps the negative values for `sum` and
 * `mean`, and nothing for `max`.
 */
export function fallbackSign(
  { majoritySign }: TiesFacts,
  mergeFunction: TiesMergeFunction,
): number {
  return majoritySign || (mergeFunction === "max" ? 0 : -1);
}

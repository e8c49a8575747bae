import type { MergeMethod, PlanInput } from "../method.ts";
import type { ElementPlan } from "./plan.ts";
import { planOperations } from "./plan_operations.ts";

/**
 * A method that is a plan: on its own backend it is run as tensor operations,
 * on large files in threads with loops of this project's own. The numbers are
 * the same.
 */
export function elementMethod<P, F = unknown>(
  method:
    & Omit<MergeMethod<P, F>, "granularity" | "merge" | "plan">
    & { plan(input: PlanInput, parameters: P, facts: F): ElementPlan },
): MergeMethod<P, F> {
  return {
    granularity: "element",
    ...method,
    merge: (input, parameters, facts) =>
      planOperations(method.plan(input, parameters, facts), input),
  };
}

import * as tf from "@tensorflow/tfjs";
import { mergeTies } from "../merge_ties.ts";
import type { ElementPlan, SumPlan } from "./plan.ts";

/** What a plan works on. */
export interface PlanTensors {
  /** The experts' values. */
  readonly models: readonly tf.Tensor[];
  /** The common ancestor's; asked for only by plans that need it. */
  readonly pretrained: tf.Tensor;
}

/** Runs a plan as tensor operations, on any backend. */
export function planOperations(
  plan: ElementPlan,
  tensors: PlanTensors,
): tf.Tensor {
  const { models } = tensors;
  if (plan.kind === "keep") return tensors.pretrained;
  if (plan.kind === "sum" && !plan.ofTaskVectors) {
    return sumOperations(models, plan);
  }
  const { pretrained } = tensors;
  const deltas = models.map((model) => tf.sub(model, pretrained));
  return tf.add(
    pretrained,
    plan.kind === "sum"
      ? sumOperations(deltas, plan)
      : tf.mul(mergeTies(deltas, plan.facts, plan.mergeFunction), plan.scale),
  );
}

/** A plan's sum of values. */
export function sumOperations(
  values: readonly tf.Tensor[],
  { weights, divisor, scale }: Omit<SumPlan, "kind" | "ofTaskVectors">,
): tf.Tensor {
  const weighted = weights
    ? values.map((value, i) => tf.mul(value, weights[i]!))
    : [...values];
  const total = weighted.length === 1 ? weighted[0]! : tf.addN(weighted);
  const divided = divisor === undefined ? total : tf.div(total, divisor);
  return scale === undefined ? divided : tf.mul(divided, scale);
}

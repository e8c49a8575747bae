import type { TiesMergeFunction } from "../merge_ties.ts";
import type { PlanInput } from "../method.ts";
import type { NumberParameter } from "../number_parameter.ts";
import type { TiesFacts } from "../ties_facts.ts";

/**
 * What an `element` method does with a tensor, as data: the same steps, in the
 * same order and so with the same rounding, are run as tensor operations or as
 * loops over plain memory.
 */
export type ElementPlan = SumPlan | TiesPlan | KeepPlan;

/** A sum of the models, or `_pretrained_` plus one of their task vectors. */
export interface SumPlan {
  /** Which plan it is. */
  readonly kind: "sum";
  /** Whether task vectors are added up, and `_pretrained_` then. */
  readonly ofTaskVectors: boolean;
  /** What each model is multiplied by first. Default: nothing. */
  readonly weights?: readonly number[];
  /** What the sum is divided by. Default: nothing. */
  readonly divisor?: number;
  /** What the sum is multiplied by. Default: nothing. */
  readonly scale?: number;
}

/** `_pretrained_` plus TIES' merged task vector. */
export interface TiesPlan {
  /** Which plan it is. */
  readonly kind: "ties";
  /** Thresholds and the majority sign. */
  readonly facts: TiesFacts;
  /** How values that agree in sign are combined. */
  readonly mergeFunction: TiesMergeFunction;
  /** What the merged task vector is multiplied by. */
  readonly scale: number;
}

/** `_pretrained_` as it is. */
export interface KeepPlan {
  /** Which plan it is. */
  readonly kind: "keep";
}

/** What a sum is multiplied by: once, where all of its parts have one factor. */
export type Factors = Pick<SumPlan, "weights" | "scale">;

/** The factors of a parameter that may differ by model. */
export function factorsOf(
  parameter: NumberParameter,
  { modelNames, number }: PlanInput,
): Factors {
  const weights = modelNames.map((model) => number(parameter, model));
  return weights.every((weight) => weight === weights[0])
    ? { scale: weights[0]! }
    : { weights };
}

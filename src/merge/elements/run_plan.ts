import type { TiesMergeFunction } from "../merge_ties.ts";
import type { TiesFacts } from "../ties_facts.ts";
import { fallbackSign } from "../fallback_sign.ts";
import { floatBits } from "../float_bits.ts";
import type { ElementMemory } from "./element_memory.ts";
import type { ElementPlan, SumPlan, TiesPlan } from "./plan.ts";
import { NO_SIGN } from "./program.ts";

/** Rows that a plan needs besides the models' and that of `_pretrained_`. */
export const SCRATCH_ROWS = 3;

/** Which row holds what. */
export interface Rows {
  /** Rows 0 to `models - 1` hold the models' elements; they are overwritten. */
  readonly models: number;
  /** How many elements. */
  readonly length: number;
}

/** Row of `_pretrained_`. */
const pretrainedRow = ({ models }: Rows): number => models;
/** A row that is free. */
const scratchRow = ({ models }: Rows, index: number): number =>
  models + 1 + index;

/**
 * Runs a plan on rows.
 *
 * @param memory It has `models + 1 + SCRATCH_ROWS` rows.
 * @returns The result's row.
 */
export function runPlan(
  memory: ElementMemory,
  plan: ElementPlan,
  rows: Rows,
): number {
  if (plan.kind === "keep") return pretrainedRow(rows);
  const result = plan.kind === "sum"
    ? runSum(memory, plan, rows)
    : runTies(memory, plan, rows);
  if (plan.kind === "ties" || plan.ofTaskVectors) {
    addRow(memory, rows, result, pretrainedRow(rows));
  }
  return result;
}

/** Subtracts `_pretrained_` from every model. */
export function subtractPretrained(memory: ElementMemory, rows: Rows): void {
  const pretrained = memory.address(pretrainedRow(rows));
  for (let row = 0; row < rows.models; row++) {
    memory.program.subtract(
      memory.address(row),
      memory.end(row, rows.length),
      pretrained,
    );
  }
}

/** Trims task vectors; gives the row of their sum. */
export function trimmedTotal(
  memory: ElementMemory,
  thresholds: readonly number[],
  rows: Rows,
): number {
  const total = scratchRow(rows, 0);
  memory.clear(total, rows.length);
  for (let row = 0; row < rows.models; row++) {
    memory.program.trimAndAdd(
      memory.address(row),
      memory.end(row, rows.length),
      memory.address(total),
      floatBits(thresholds[row]!),
    );
  }
  return total;
}

function addRow(
  memory: ElementMemory,
  { length }: Rows,
  to: number,
  row: number,
): void {
  memory.program.add(
    memory.address(to),
    memory.end(to, length),
    memory.address(row),
  );
}

function runSum(
  memory: ElementMemory,
  { ofTaskVectors, weights, divisor, scale }: SumPlan,
  rows: Rows,
): number {
  const { program } = memory;
  if (ofTaskVectors) subtractPretrained(memory, rows);
  const sum = memory.address(0);
  const end = memory.end(0, rows.length);
  if (weights) program.scale(sum, end, weights[0]!);
  for (let row = 1; row < rows.models; row++) {
    const address = memory.address(row);
    if (weights) program.addScaled(sum, end, address, weights[row]!);
    else program.add(sum, end, address);
  }
  if (divisor !== undefined) program.divide(sum, end, divisor);
  if (scale !== undefined) program.scale(sum, end, scale);
  return 0;
}

function runTies(
  memory: ElementMemory,
  { facts, mergeFunction, scale }: TiesPlan,
  rows: Rows,
): number {
  subtractPretrained(memory, rows);
  const merged = mergeTrimmed(memory, facts, mergeFunction, rows);
  memory.program.scale(
    memory.address(merged),
    memory.end(merged, rows.length),
    scale,
  );
  return merged;
}

/** TIES' merged task vector from the models' ones; gives its row. */
export function mergeTrimmed(
  memory: ElementMemory,
  facts: TiesFacts,
  mergeFunction: TiesMergeFunction,
  rows: Rows,
): number {
  const { program } = memory;
  const { length } = rows;
  const signs = trimmedTotal(memory, facts.thresholds, rows);
  const fallback = fallbackSign(facts, mergeFunction);
  program.electSigns(
    memory.address(signs),
    memory.end(signs, length),
    fallback < 0 ? -0x80000000 : fallback > 0 ? 0 : NO_SIGN,
  );
  const merged = scratchRow(rows, 1);
  const counts = scratchRow(rows, 2);
  memory.clear(merged, length);
  memory.clear(counts, length);
  for (let row = 0; row < rows.models; row++) {
    const address = memory.address(row);
    const end = memory.end(row, length);
    program.keepAgreeing(address, end, memory.address(signs));
    if (mergeFunction === "max") {
      program.takeLargest(address, end, memory.address(merged));
    } else {
      addRow(memory, rows, merged, row);
    }
    if (mergeFunction === "mean") {
      program.countNonzero(address, end, memory.address(counts));
    }
  }
  const address = memory.address(merged);
  const end = memory.end(merged, length);
  if (mergeFunction === "max") {
    program.giveSigns(address, end, memory.address(signs));
  }
  if (mergeFunction === "mean") {
    program.divideByCounts(address, end, memory.address(counts));
  }
  return merged;
}

import { elementCount } from "../checkpoint/mod.ts";
import { MethodError } from "../fusion_error.ts";
import { kthMagnitudes } from "./kth_value.ts";
import type { PrepareContext } from "./method.ts";
import { type NumberParameter, resolveNumber } from "./number_parameter.ts";
import type { MergePool } from "./pool.ts";
import { type TaskVectorChunk, taskVectorPass } from "./task_vector_pass.ts";

/** What TIES must know of whole task vectors. */
export interface TiesFacts {
  /** Smallest magnitude that each model keeps. */
  readonly thresholds: readonly number[];
  /** Sign of most elements: it decides where the values cancel exactly. */
  readonly majoritySign: number;
}

/** The parameters that {@linkcode findTiesFacts} reads. */
export interface TiesParameters {
  /** Elements that each model keeps: a share up to 1, a percentage above. */
  readonly threshold: NumberParameter;
  /** Tensors that take no part. */
  readonly remove_keys: readonly string[];
}

/**
 * Finds TIES' thresholds and its majority sign in three passes over the task
 * vectors of all fusion targets.
 *
 * @param change Changes a chunk of the task vectors in place, the same way in
 * each pass.
 * @throws {MethodError} If the threshold varies over depth or by tensor.
 */
export async function findTiesFacts(
  pool: MergePool,
  { threshold, remove_keys: except }: TiesParameters,
  context: PrepareContext,
  change: (chunk: TaskVectorChunk) => void = () => {},
): Promise<TiesFacts> {
  let size = 0;
  for (const [name, shape] of context.targets) {
    if (!except.includes(name)) size += elementCount(shape);
  }
  const ranks = [...pool.models.keys()].map((model) =>
    size - Math.floor(size * keptShare(threshold, model))
  );
  const pass = async function* (): AsyncGenerator<readonly Float32Array[]> {
    for await (const chunk of taskVectorPass(pool, context, { except })) {
      change(chunk);
      yield chunk.deltas;
    }
  };
  const thresholds = await kthMagnitudes(ranks, pass);
  let signs = 0;
  for await (const rows of pass()) signs += sumOfSigns(rows, thresholds);
  return { thresholds, majoritySign: Math.sign(signs) };
}

/** FusionBench reads a threshold above 1 as a percentage. */
function keptShare(threshold: NumberParameter, model: string): number {
  if (Array.isArray(threshold)) {
    throw new MethodError(
      `threshold is ${
        JSON.stringify(threshold)
      }: it counts over a whole model, expected one number or one by model`,
    );
  }
  const value = resolveNumber(threshold, { tensor: "", depth: 0, model });
  return value > 1 ? value / 100 : value;
}

function sumOfSigns(
  rows: readonly Float32Array[],
  thresholds: readonly number[],
): number {
  const sums = new Float32Array(rows[0]!.length); // rounds as the merge does
  rows.forEach((row, t) => {
    const threshold = thresholds[t]!;
    for (let i = 0; i < sums.length; i++) {
      const value = row[i]!;
      if (value >= threshold || -value >= threshold) sums[i]! += value;
    }
  });
  let signs = 0;
  for (let i = 0; i < sums.length; i++) {
    if (sums[i]! > 0) signs++;
    else if (sums[i]! < 0) signs--;
  }
  return signs;
}

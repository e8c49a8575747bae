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
  const length = rows[0]!.length;
  const sums = new Float32Array(length); // rounds as the merge does
  const kept = new Float32Array(length);
  const keptBits = new Int32Array(kept.buffer);
  const limits = new Int32Array(Float32Array.from(thresholds).buffer);
  for (const [t, row] of rows.entries()) {
    // Which values are kept is as good as random: a branch on it would cost
    // more than masking the bits of those that are not.
    const rowBits = new Int32Array(row.buffer, row.byteOffset, length);
    const limit = limits[t]!;
    for (let i = 0; i < length; i++) {
      const bits = rowBits[i]!;
      keptBits[i] = bits & ~(((bits & 0x7fffffff) - limit) >> 31);
    }
    for (let i = 0; i < length; i++) sums[i]! += kept[i]!;
  }
  const sumBits = new Int32Array(sums.buffer);
  let signs = 0;
  for (let i = 0; i < length; i++) {
    const bits = sumBits[i]!;
    const isNonzero = 1 + (((bits & 0x7fffffff) - 1) >> 31);
    signs += (1 | (bits >> 31)) * isNonzero;
  }
  return signs;
}

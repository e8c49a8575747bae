import * as tf from "@tensorflow/tfjs";
import { elementCount } from "../checkpoint/mod.ts";
import { MethodError } from "../fusion_error.ts";
import { kthMagnitudes } from "./kth_value.ts";
import type { PrepareContext } from "./method.ts";
import { type NumberParameter, resolveNumber } from "./number_parameter.ts";
import type { MergePool } from "./pool.ts";
import { type TaskVectorChunk, taskVectorPass } from "./task_vector_pass.ts";

/** How TIES combines the values that agree with the elected sign. */
export type TiesMergeFunction = "sum" | "mean" | "max";

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

/**
 * TIES' merged task vector: trim, elect signs, merge what agrees.
 *
 * @param deltas Each model's task vector, or a chunk of it.
 */
export function mergeTies(
  deltas: readonly tf.Tensor[],
  { thresholds, majoritySign }: TiesFacts,
  mergeFunction: TiesMergeFunction,
): tf.Tensor {
  const zeros = tf.zerosLike(deltas[0]!);
  const trimmed = deltas.map((delta, t) =>
    thresholds[t] === 0 ? delta : tf.where(
      tf.greaterEqual(tf.abs(delta), thresholds[t]!),
      delta,
      zeros,
    )
  );
  const total = addAll(trimmed);
  // Where no sign has the majority at all, FusionBench keeps the negative
  // values for `sum` and `mean`, and nothing for `max`.
  const fallback = majoritySign || (mergeFunction === "max" ? 0 : -1);
  const sign = tf.where(
    tf.equal(total, 0),
    tf.fill(total.shape, fallback),
    tf.sign(total),
  );
  // Times the elected sign, what agrees is positive.
  const agreeing = trimmed.map((delta) => tf.relu(tf.mul(delta, sign)));
  if (mergeFunction === "max") {
    return tf.mul(
      sign,
      agreeing.reduce((most, value) => tf.maximum(most, value)),
    );
  }
  const sum = tf.mul(sign, addAll(agreeing));
  if (mergeFunction === "sum") return sum;
  const count = addAll(agreeing.map((value) => tf.step(value)));
  return tf.div(sum, tf.maximum(count, 1));
}

function addAll(tensors: readonly tf.Tensor[]): tf.Tensor {
  return tensors.length === 1 ? tensors[0]! : tf.addN([...tensors]);
}

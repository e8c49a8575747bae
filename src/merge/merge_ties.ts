import * as tf from "@tensorflow/tfjs";
import { ElementMemory } from "./elements/element_memory.ts";
import { mergeTrimmed, SCRATCH_ROWS } from "./elements/run_plan.ts";
import { fallbackSign } from "./fallback_sign.ts";
import type { TiesFacts } from "./ties_facts.ts";

/** How TIES combines the values that agree with the elected sign. */
export type TiesMergeFunction = "sum" | "mean" | "max";

/**
 * TIES' merged task vector: trim, elect signs, merge what agrees.
 *
 * Backends whose memory is this process's run loops of our own over the values:
 * they are many times faster than the sixty operations that eight models take
 * there. The others run those operations. The numbers are the same.
 *
 * @param deltas Each model's task vector, or a chunk of it.
 */
export function mergeTies(
  deltas: readonly tf.Tensor[],
  facts: TiesFacts,
  mergeFunction: TiesMergeFunction,
): tf.Tensor {
  return ["wasm", "cpu"].includes(tf.getBackend())
    ? mergeTiesInLoops(deltas, facts, mergeFunction)
    : mergeTiesInOperations(deltas, facts, mergeFunction);
}

/** {@linkcode mergeTies} as tensor operations. */
export function mergeTiesInOperations(
  deltas: readonly tf.Tensor[],
  facts: TiesFacts,
  mergeFunction: TiesMergeFunction,
): tf.Tensor {
  const zeros = tf.zerosLike(deltas[0]!);
  const trimmed = deltas.map((delta, t) => {
    const threshold = facts.thresholds[t]!;
    if (threshold === 0) return delta;
    return tf.where(tf.greaterEqual(tf.abs(delta), threshold), delta, zeros);
  });
  const total = tf.addN(trimmed);
  const sign = tf.where(
    tf.equal(total, 0),
    tf.fill(total.shape, fallbackSign(facts, mergeFunction)),
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
  const sum = tf.mul(sign, tf.addN(agreeing));
  if (mergeFunction === "sum") return sum;
  const count = tf.addN(agreeing.map((value) => tf.step(value)));
  return tf.div(sum, tf.maximum(count, 1));
}

/** Elements of all rows that the processor's cache holds. */
const BLOCK = 8192;

/** {@linkcode mergeTies} as loops over blocks of the values. */
export function mergeTiesInLoops(
  deltas: readonly tf.Tensor[],
  facts: TiesFacts,
  mergeFunction: TiesMergeFunction,
): tf.Tensor {
  const models = deltas.length;
  const values = deltas.map((delta) => delta.dataSync<"float32">());
  const merged = new Float32Array(deltas[0]!.size);
  const memory = new ElementMemory(models + 1 + SCRATCH_ROWS, BLOCK);
  for (let begin = 0; begin < merged.length; begin += BLOCK) {
    const length = Math.min(BLOCK, merged.length - begin);
    for (const [row, from] of values.entries()) {
      memory.values(row, length).set(from.subarray(begin, begin + length));
    }
    const row = mergeTrimmed(memory, facts, mergeFunction, { models, length });
    merged.set(memory.values(row, length), begin);
  }
  return tf.tensor(merged, deltas[0]!.shape);
}

import * as tf from "@tensorflow/tfjs";
import type { TiesFacts } from "./ties_facts.ts";

/** How TIES combines the values that agree with the elected sign. */
export type TiesMergeFunction = "sum" | "mean" | "max";

/**
 * TIES' merged task vector: trim, elect signs, merge what agrees.
 *
 * Backends whose memory is this process's run one loop over the values: it is
 * many times faster than the sixty operations that eight models take there. The
 * others run those operations. The numbers are the same.
 *
 * @param deltas Each model's task vector, or a chunk of it.
 */
export function mergeTies(
  deltas: readonly tf.Tensor[],
  facts: TiesFacts,
  mergeFunction: TiesMergeFunction,
): tf.Tensor {
  return ["wasm", "cpu"].includes(tf.getBackend())
    ? mergeTiesInOneLoop(deltas, facts, mergeFunction)
    : mergeTiesInOperations(deltas, facts, mergeFunction);
}

/**
 * The sign that decides where no value or no sum does. Where no sign has the
 * majority at all, FusionBench keeps the negative values for `sum` and `mean`,
 * and nothing for `max`.
 */
function fallbackSign(
  { majoritySign }: TiesFacts,
  mergeFunction: TiesMergeFunction,
): number {
  return majoritySign || (mergeFunction === "max" ? 0 : -1);
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

/** Elements that stay in the processor's cache over the loops. */
const BLOCK = 4096;

/**
 * {@linkcode mergeTies} as one loop over the values. It works on their bits:
 * which values are kept is as good as random, and a branch on it would cost more
 * than all the rest.
 */
export function mergeTiesInOneLoop(
  deltas: readonly tf.Tensor[],
  facts: TiesFacts,
  mergeFunction: TiesMergeFunction,
): tf.Tensor {
  const rows = deltas.map((delta) => bitsOf(delta.dataSync<"float32">()));
  const thresholds = [...bitsOf(Float32Array.from(facts.thresholds))];
  const fallback = fallbackSign(facts, mergeFunction);
  const merged = new Float32Array(deltas[0]!.size);
  const kept = rows.map(() => new Float32Array(BLOCK));
  const keptBits = kept.map(bitsOf);
  const totals = new Float32Array(BLOCK);
  for (let begin = 0; begin < merged.length; begin += BLOCK) {
    const block = merged.subarray(begin, begin + BLOCK);
    totals.fill(0);
    for (const [t, row] of rows.entries()) {
      trim(row, begin, thresholds[t]!, keptBits[t]!, block.length);
      add(kept[t]!, totals, block.length);
    }
    const signs = bitsOf(totals);
    electSigns(signs, fallback);
    for (const bits of keptBits) keepAgreeing(bits, signs);
    if (mergeFunction === "max") {
      for (const bits of keptBits) takeLargest(bits, bitsOf(block));
      const none = fallback === 0 ? 0 : 1;
      for (let i = 0; i < block.length; i++) {
        block[i]! *= signs[i] === NO_SIGN ? none : signs[i]! < 0 ? -1 : 1;
      }
    } else {
      for (const values of kept) add(values, block, block.length);
      if (mergeFunction === "mean") divideByCount(keptBits, block);
    }
  }
  return tf.tensor(merged, deltas[0]!.shape);
}

/** A positive sign that nobody elected. */
const NO_SIGN = 1;

/** The bits of float32 numbers: magnitudes sort as they do, the sign is on top. */
function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

/** Copies a block, with 0 for what is below the threshold. */
function trim(
  row: Int32Array,
  begin: number,
  threshold: number,
  kept: Int32Array,
  length: number,
): void {
  for (let i = 0; i < length; i++) {
    const bits = row[begin + i]!;
    kept[i] = bits & ~(((bits & 0x7fffffff) - threshold) >> 31);
  }
}

function add(values: Float32Array, sums: Float32Array, length: number): void {
  for (let i = 0; i < length; i++) sums[i]! += values[i]!;
}

/** Turns the bits of sums into those of their signs alone. */
function electSigns(bits: Int32Array, fallback: number): void {
  const instead = fallback < 0 ? -0x80000000 : fallback > 0 ? 0 : NO_SIGN;
  for (let i = 0; i < bits.length; i++) {
    const isZero = ((bits[i]! & 0x7fffffff) - 1) >> 31;
    bits[i] = (bits[i]! & -0x80000000 & ~isZero) | (instead & isZero);
  }
}

/** Puts 0 for values of the other sign. */
function keepAgreeing(bits: Int32Array, signs: Int32Array): void {
  for (let i = 0; i < bits.length; i++) {
    bits[i] = bits[i]! & ~((bits[i]! ^ signs[i]!) >> 31);
  }
}

function takeLargest(bits: Int32Array, largest: Int32Array): void {
  for (let i = 0; i < largest.length; i++) {
    const smaller = largest[i]! - (bits[i]! & 0x7fffffff);
    largest[i] = largest[i]! - (smaller & (smaller >> 31));
  }
}

function divideByCount(rows: readonly Int32Array[], sums: Float32Array): void {
  const counts = new Int32Array(sums.length);
  for (const bits of rows) {
    for (let i = 0; i < counts.length; i++) {
      counts[i]! += 1 + (((bits[i]! & 0x7fffffff) - 1) >> 31);
    }
  }
  for (let i = 0; i < sums.length; i++) sums[i]! /= counts[i]! || 1;
}

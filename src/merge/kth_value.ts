import { MagnitudeCounts } from "./elements/count_magnitudes.ts";
import { ElementMemory } from "./elements/element_memory.ts";
import {
  ALL_MAGNITUDES,
  BINS,
  type BracketCounts,
  locateRank,
  type MagnitudeBracket,
  NO_MAGNITUDES,
} from "./elements/magnitude_bracket.ts";
import { bitsFloat } from "./float_bits.ts";

/** Elements that are copied at a time. */
const BLOCK = 1 << 14;

/** Counts the magnitudes of several rows, each in its bracket. */
export type MagnitudeCounter = (
  brackets: readonly MagnitudeBracket[],
) => Promise<readonly BracketCounts[]>;

/**
 * The exact k-th smallest magnitude of several long rows of float32 numbers, as
 * PyTorch's `kthvalue` of `abs()`.
 *
 * The bits of a non-negative float32, taken as an integer, sort as the numbers
 * do. Each pass over the rows counts those in a bracket: at first all of them,
 * unless a better one is known, and in the end single numbers.
 *
 * @param ranks For each row its k, from 1; a k of 0 gives 0.
 * @param count Passes over the rows.
 * @param first Where to look first. Wherever that is, the answer is the same.
 */
export async function kthMagnitudes(
  ranks: readonly number[],
  count: MagnitudeCounter,
  first: readonly MagnitudeBracket[] = ranks.map(() => ALL_MAGNITUDES),
): Promise<number[]> {
  const brackets = ranks.map((rank, t) => rank ? first[t]! : NO_MAGNITUDES);
  const found = ranks.map(() => 0);
  while (brackets.some(({ width }) => width > 0)) {
    const counted = await count(brackets);
    for (const [t, bracket] of brackets.entries()) {
      if (bracket.width === 0) continue;
      const place = locateRank(ranks[t]!, bracket, counted[t]!);
      if ("bits" in place) found[t] = bitsFloat(place.bits);
      brackets[t] = "bits" in place ? NO_MAGNITUDES : place.bracket;
    }
  }
  return found;
}

/**
 * Counts in passes over rows that come in chunks of any length, the same in
 * each pass.
 *
 * @param pass Gives the rows' chunks.
 */
export function countInPasses(
  pass: () => AsyncIterable<readonly Float32Array[]>,
): MagnitudeCounter {
  return async (brackets) => {
    const memory = new ElementMemory(1, BLOCK, brackets.length * BINS);
    const counts = new MagnitudeCounts(memory, brackets);
    for await (const rows of pass()) {
      for (const [t, row] of rows.entries()) countRow(memory, counts, t, row);
    }
    return counts.results();
  };
}

function countRow(
  memory: ElementMemory,
  counts: MagnitudeCounts,
  index: number,
  row: Float32Array,
): void {
  for (let begin = 0; begin < row.length; begin += BLOCK) {
    const block = row.subarray(begin, begin + BLOCK);
    memory.values(0, block.length).set(block);
    counts.add(index, 0, block.length);
  }
}

/**
 * The exact k-th smallest magnitude of numbers in memory.
 *
 * @param rank k, from 1.
 */
export function kthMagnitude(values: Float32Array, rank: number): number {
  if (values.length <= BINS) {
    return values.map((value) => Math.abs(value)).sort()[rank - 1]!;
  }
  const memory = new ElementMemory(1, BLOCK, BINS);
  let bracket = ALL_MAGNITUDES;
  for (;;) {
    const counts = new MagnitudeCounts(memory, [bracket]);
    countRow(memory, counts, 0, values);
    const place = locateRank(rank, bracket, counts.results()[0]!);
    if ("bits" in place) return bitsFloat(place.bits);
    bracket = place.bracket;
  }
}

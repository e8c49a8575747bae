import { kthMagnitude } from "./kth_value.ts";

/**
 * Marks the elements whose rank by magnitude, ascending from 0, is in
 * [low, high). Of equal magnitudes the one that comes first ranks lower.
 *
 * @returns 1 for the elements marked, 0 for the others.
 */
export function magnitudeRankMask(
  values: Float32Array,
  low: number,
  high: number,
): Float32Array {
  const mask = new Float32Array(values.length);
  low = Math.max(low, 0);
  high = Math.min(high, values.length);
  if (low >= high) return mask;
  if (low === 0 && high === values.length) return mask.fill(1);
  const smallest = kthMagnitude(values, low + 1);
  const largest = kthMagnitude(values, high);
  let belowSmallest = 0;
  let belowLargest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude < smallest) belowSmallest++;
    if (magnitude < largest) belowLargest++;
  }
  let skip = low - belowSmallest; // of those equal to `smallest`
  let take = high - belowLargest; // of those equal to `largest`
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude < smallest || magnitude > largest) continue;
    if (magnitude === largest && take-- <= 0) continue;
    if (magnitude === smallest && skip-- > 0) continue;
    mask[i] = 1;
  }
  return mask;
}

/**
 * Each element's rank by magnitude within its row, ascending from 0. Of equal
 * magnitudes the one that comes first ranks lower.
 *
 * @param values Rows of `rowLength` elements, at most 2^22.
 */
export function magnitudeRanks(
  values: Float32Array,
  rowLength: number,
): Uint32Array {
  const bits = new Uint32Array(
    values.buffer,
    values.byteOffset,
    values.length,
  );
  const ranks = new Uint32Array(values.length);
  // The 31 bits of a magnitude and the 22 of an index fill a float64's 53, and
  // plain numbers sort many times faster than pairs.
  const keys = new Float64Array(rowLength);
  for (let row = 0; row < values.length; row += rowLength) {
    for (let i = 0; i < rowLength; i++) {
      keys[i] = (bits[row + i]! & 0x7fffffff) * 2 ** 22 + i;
    }
    keys.sort();
    for (let rank = 0; rank < rowLength; rank++) {
      ranks[row + keys[rank]! % 2 ** 22] = rank;
    }
  }
  return ranks;
}

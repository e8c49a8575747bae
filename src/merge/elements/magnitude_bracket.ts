/** Bins that a bracket is counted in. */
export const BINS: number = 1 << 18;

/** Magnitudes whose bits are in [low, low + width), in bins of 2^shift. */
export interface MagnitudeBracket {
  /** Lowest bits. */
  readonly low: number;
  /** How many; 0 to count nothing. */
  readonly width: number;
  /** Bits that the magnitudes of a bin differ in. */
  readonly shift: number;
}

/** What was found in a bracket. */
export interface BracketCounts {
  /** Magnitudes below it. */
  readonly below: number;
  /** Magnitudes in each of its bins. */
  readonly counts: Uint32Array;
}

/** A bracket in as fine bins as there are. */
export function bracketOf(low: number, width: number): MagnitudeBracket {
  const shift = Math.max(0, Math.ceil(Math.log2(width / BINS)));
  return { low, width, shift };
}

/** How many bins a bracket has. */
export function binCount({ width, shift }: MagnitudeBracket): number {
  return Math.ceil(width / 2 ** shift);
}

/** All magnitudes, NaN included. */
export const ALL_MAGNITUDES: MagnitudeBracket = bracketOf(0, 2 ** 31);

/** Nothing at all. */
export const NO_MAGNITUDES: MagnitudeBracket = { low: 0, width: 0, shift: 0 };

/**
 * Where the k-th magnitude is, from a bracket's counts: its bits, or a bracket
 * to look in next, which is the bin that holds it or what lies on the side of
 * the bracket where it is.
 *
 * @param rank k, from 1.
 */
export function locateRank(
  rank: number,
  { low, width, shift }: MagnitudeBracket,
  { below, counts }: BracketCounts,
): { bits: number } | { bracket: MagnitudeBracket } {
  if (rank <= below) return { bracket: bracketOf(0, low) };
  let passed = below;
  for (let bin = 0; bin < counts.length; bin++) {
    passed += counts[bin]!;
    if (rank > passed) continue;
    const bits = low + bin * 2 ** shift;
    return shift === 0 ? { bits } : { bracket: bracketOf(bits, 2 ** shift) };
  }
  return { bracket: bracketOf(low + width, 2 ** 31 - low - width) };
}

/**
 * A bracket that should hold the k-th magnitude of many, from the counts of a
 * sample of them in all magnitudes' bracket.
 *
 * @param share k as a share of all.
 * @param margin How far from that share the bracket reaches.
 */
export function bracketOfSample(
  share: number,
  margin: number,
  { counts }: BracketCounts,
): MagnitudeBracket {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin]!;
  const [first, last] = [(share - margin) * total, (share + margin) * total];
  let passed = 0;
  let low = 0;
  let bin = 0;
  for (; bin < counts.length; bin++) {
    if (passed <= first) low = bin;
    passed += counts[bin]!;
    if (passed > last) break;
  }
  const size = 2 ** ALL_MAGNITUDES.shift;
  return bracketOf(low * size, (Math.min(bin, BINS - 1) + 1 - low) * size);
}

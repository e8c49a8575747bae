/** Magnitudes that share the upper half of their bits fall into one bin. */
const BINS = 1 << 15;
/** Magnitudes in one bin: the lower half of the bits. */
const BIN_SIZE = 1 << 16;

/**
 * The exact k-th smallest magnitude of several long rows of float32 numbers,
 * in two passes over them, as PyTorch's `kthvalue` of `abs()`.
 *
 * The bits of a non-negative float32, taken as an integer, sort as the numbers
 * do. The first pass counts magnitudes by their upper bits and so finds the
 * bin that holds the k-th; the second counts that bin's by their lower bits.
 *
 * @param ranks For each row its k, from 1; a k of 0 gives 0.
 * @param pass Called twice: the rows, in chunks of any length, the same each
 * time.
 */
export async function kthMagnitudes(
  ranks: readonly number[],
  pass: () => AsyncIterable<readonly Float32Array[]>,
): Promise<number[]> {
  const upper = ranks.map(() => new Uint32Array(BINS));
  for await (const rows of pass()) {
    rows.forEach((row, t) => countUpper(magnitudeBits(row), upper[t]!));
  }
  const bins = ranks.map((rank, t) => findRank(upper[t]!, rank));
  const lower = ranks.map(() => new Uint32Array(BIN_SIZE));
  for await (const rows of pass()) {
    rows.forEach((row, t) =>
      countLower(magnitudeBits(row), bins[t]!.bin, lower[t]!)
    );
  }
  return ranks.map((rank, t) => {
    const { bin, below } = bins[t]!;
    return rank === 0 ? 0 : floatOf(
      bin * BIN_SIZE + findRank(lower[t]!, rank - below).bin,
    );
  });
}

/**
 * The exact k-th smallest magnitude of numbers in memory.
 *
 * @param rank k, from 1.
 */
export function kthMagnitude(values: Float32Array, rank: number): number {
  const bits = magnitudeBits(values);
  if (values.length <= 2 * BIN_SIZE) {
    return floatOf(bits.map((value) => value & 0x7fffffff).sort()[rank - 1]!);
  }
  const upper = new Uint32Array(BINS);
  countUpper(bits, upper);
  const { bin, below } = findRank(upper, rank);
  const lower = new Uint32Array(BIN_SIZE);
  countLower(bits, bin, lower);
  return floatOf(bin * BIN_SIZE + findRank(lower, rank - below).bin);
}

function magnitudeBits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function floatOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

function countUpper(bits: Uint32Array, counts: Uint32Array): void {
  for (let i = 0; i < bits.length; i++) {
    counts[(bits[i]! >>> 16) & 0x7fff]!++;
  }
}

function countLower(bits: Uint32Array, bin: number, counts: Uint32Array): void {
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i]!;
    if (((value >>> 16) & 0x7fff) === bin) counts[value & 0xffff]!++;
  }
}

/** The bin that holds the rank-th element, and how many are in bins below. */
function findRank(
  counts: Uint32Array,
  rank: number,
): { bin: number; below: number } {
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    if (below + counts[bin]! >= rank) return { bin, below };
    below += counts[bin]!;
  }
  return { bin: counts.length - 1, below };
}

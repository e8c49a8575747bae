import { type ElementMemory, padding } from "./element_memory.ts";
import {
  binCount,
  BINS,
  type BracketCounts,
  type MagnitudeBracket,
} from "./magnitude_bracket.ts";

/** Counts several rows' magnitudes, each in its bracket, chunk by chunk. */
export class MagnitudeCounts {
  readonly #memory: ElementMemory;
  readonly #brackets: readonly MagnitudeBracket[];
  readonly #below: number[];

  /** @param memory With {@linkcode BINS} bins for each bracket. */
  constructor(memory: ElementMemory, brackets: readonly MagnitudeBracket[]) {
    this.#memory = memory;
    this.#brackets = brackets;
    this.#below = brackets.map(() => 0);
    brackets.forEach((bracket, index) => {
      const first = index * BINS;
      memory.bins.fill(0, first, first + binCount(bracket));
    });
  }

  /**
   * Counts elements of the bracket with this index.
   *
   * @param row The memory's row that holds them.
   * @param length How many.
   */
  add(index: number, row: number, length: number): void {
    const { low, width, shift } = this.#brackets[index]!;
    if (width === 0) return;
    const { program, bins } = this.#memory;
    const below = program.countMagnitudes(
      this.#memory.address(row),
      this.#memory.end(row, length),
      low,
      width,
      shift,
      bins.byteOffset + 4 * index * BINS,
    );
    // What fills the last vector is 0, and was counted.
    const zeros = padding(length);
    if (low === 0) bins[index * BINS]! -= zeros;
    this.#below[index]! += low === 0 ? below : below - zeros;
  }

  /** What was found; copies. */
  results(): BracketCounts[] {
    return this.#brackets.map((bracket, index) => {
      const first = index * BINS;
      return {
        below: this.#below[index]!,
        counts: this.#memory.bins.slice(first, first + binCount(bracket)),
      };
    });
  }
}

import type { BracketCounts, MagnitudeBracket } from "./magnitude_bracket.ts";
import type { ElementRange } from "./protocol.ts";

/** Passes over all models' task vectors, in several threads. */
export interface ElementPasses {
  /** Counts the magnitudes of the models' task vectors, each in its bracket. */
  count(
    ranges: readonly ElementRange[],
    brackets: readonly MagnitudeBracket[],
  ): Promise<BracketCounts[]>;
  /**
   * The sum of the signs of all sums of task vectors, each without the
   * magnitudes below its model's threshold.
   */
  signs(
    ranges: readonly ElementRange[],
    thresholds: readonly number[],
  ): Promise<number>;
}

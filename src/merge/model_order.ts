import { randomUniform } from "./random.ts";

/** In which order a method takes models one after the other. */
export interface ModelOrderOptions {
  /** Shuffles the pool's order. */
  shuffle: boolean;
  /** Chooses the shuffled order; `null` is 0. */
  seed: number | null;
}

/**
 * Indices of a pool's models in the order in which a continual method takes
 * them. It depends on their number and the seed alone.
 */
export function modelOrder(
  count: number,
  { shuffle, seed }: ModelOrderOptions,
): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  if (!shuffle) return order;
  const draws = randomUniform(seed ?? 0, ["model order"], 0, count);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(draws[i]! * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

import { isLinearWeight } from "./linear_weight.ts";
import { randomUniform } from "./random.ts";

/** How DARE prunes a task vector. */
export interface DropAndRescaleOptions {
  /** Share of elements dropped, 0 to 1. */
  sparsityRatio: number;
  /** Whether what remains is divided by 1 - sparsityRatio. */
  rescale: boolean;
  /** Whether only linear layers' weights are pruned. */
  onlyOnLinearWeights: boolean;
  /** Chooses the elements that are dropped. */
  seed: number;
}

/**
 * DARE's factors for elements of a task vector: 0 where it is dropped. They
 * depend on seed, model, tensor and index alone.
 *
 * https://arxiv.org/abs/2311.03099
 *
 * @param begin Index of the first element in the flattened tensor.
 * @returns One factor for each element; `undefined` where all are 1.
 */
export function dropFactors(
  model: string,
  tensor: string,
  begin: number,
  length: number,
  options: DropAndRescaleOptions,
): Float32Array | undefined {
  const { sparsityRatio, rescale, onlyOnLinearWeights, seed } = options;
  if (onlyOnLinearWeights && !isLinearWeight(tensor)) return undefined;
  if (sparsityRatio === 0) return undefined;
  // Nothing is left to rescale at a ratio of 1.
  const kept = rescale && sparsityRatio < 1 ? 1 / (1 - sparsityRatio) : 1;
  const factors = randomUniform(seed, [model, tensor], begin, length);
  for (let i = 0; i < length; i++) {
    factors[i] = factors[i]! >= sparsityRatio ? kept : 0;
  }
  return factors;
}

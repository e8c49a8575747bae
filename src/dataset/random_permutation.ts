import { TorchGenerator } from "../torch_generator.ts";

/**
 * The numbers from 0 to `length - 1` in random order, equal to
 * `torch.randperm(length, generator=torch.Generator().manual_seed(seed))`.
 *
 * @param seed A whole number of 32 bits.
 */
export function randomPermutation(length: number, seed: number): Uint32Array {
  return new TorchGenerator(seed).permutation(length);
}

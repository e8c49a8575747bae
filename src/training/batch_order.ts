import { TorchGenerator } from "../torch_generator.ts";

/** Which images each optimiser step sees. */
export class BatchOrder {
  /** Optimiser steps an epoch. */
  readonly stepsPerEpoch: number;
  readonly #length: number;
  readonly #batchSize: number;
  readonly #accumulate: number;
  readonly #seed: number;
  #generator: TorchGenerator | undefined;
  #epoch = -1;
  #order: Uint32Array = new Uint32Array();

  /**
   * An order of images that follows from the seed, every epoch's own: that of
   * PyTorch's `DataLoader(…, shuffle=True,
   * generator=torch.Generator().manual_seed(seed))`.
   *
   * @param length Number of images.
   * @param batchSize Images that are computed at once; the last batch of an
   * epoch has what is left.
   * @param accumulate Batches that make one step.
   */
  constructor(
    length: number,
    batchSize: number,
    accumulate: number,
    seed: number,
  ) {
    this.#length = length;
    this.#batchSize = batchSize;
    this.#accumulate = accumulate;
    this.#seed = seed;
    this.stepsPerEpoch = Math.ceil(length / (batchSize * accumulate));
  }

  /** The epoch of a step, both from 0. */
  epochOf(step: number): number {
    return Math.floor(step / this.stepsPerEpoch);
  }

  /** The batches of a step: positions of their images. */
  batches(step: number): Uint32Array[] {
    const epoch = this.epochOf(step);
    if (epoch < this.#epoch || this.#generator === undefined) {
      this.#generator = new TorchGenerator(this.#seed);
      this.#epoch = -1;
    }
    for (; this.#epoch < epoch; this.#epoch++) {
      // A DataLoader draws 64 bits for its workers' seeds, and its sampler an
      // order of which it takes nothing.
      this.#generator.skip(2);
      this.#order = this.#generator.permutation(this.#length);
      this.#generator.skip(this.#length - 1);
    }
    const size = this.#batchSize * this.#accumulate;
    const begin = (step - epoch * this.stepsPerEpoch) * size;
    const end = Math.min(begin + size, this.#length);
    const batches: Uint32Array[] = [];
    for (let at = begin; at < end; at += this.#batchSize) {
      batches.push(
        this.#order.slice(at, Math.min(at + this.#batchSize, end)),
      );
    }
    return batches;
  }
}

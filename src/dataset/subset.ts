import { DatasetError } from "../fusion_error.ts";
import {
  checkIndex,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
import { randomPermutation } from "./random_permutation.ts";

/** Which examples of a data set to take, in which order. */
export interface SubsetOptions {
  /** Takes them in random order. @default {false} */
  shuffle?: boolean | undefined;
  /** Seed of that order, a whole number of 32 bits. @default {0} */
  seed?: number | undefined;
  /** Takes so many at most, after shuffling. @default all */
  limit?: number | undefined;
}

/**
 * A view of a data set: shuffled by a seed, in the order of torch's `randperm`,
 * cut to a number of examples. Nothing is read.
 *
 * @throws {DatasetError} If `limit` or `seed` is not a whole number.
 */
export function subset(
  dataset: ImageClassificationDataset,
  { shuffle = false, seed = 0, limit }: SubsetOptions,
): ImageClassificationDataset {
  check("limit", limit ?? 1, 1);
  check("seed", seed, 0);
  const length = Math.min(limit ?? Infinity, dataset.length);
  if (!shuffle && length === dataset.length) return dataset;
  const order = shuffle
    ? randomPermutation(dataset.length, seed).subarray(0, length)
    : undefined;
  return new Subset(dataset, length, (index) => order?.[index] ?? index);
}

/** Examples [begin, end) of a data set. */
export function slice(
  dataset: ImageClassificationDataset,
  begin = 0,
  end: number = dataset.length,
): ImageClassificationDataset {
  const length = Math.max(end - begin, 0);
  return length === dataset.length
    ? dataset
    : new Subset(dataset, length, (index) => begin + index);
}

/** How {@linkcode trainValidationSplit} cuts; names as in FusionBench. */
export interface TrainValidationSplitOptions {
  /** Part of the examples that is for validation. @default {0.1} */
  validation_fraction?: number | null | undefined;
  /** Number of them, instead. */
  validation_size?: number | null | undefined;
  /** Seed of the cut. @default {0} */
  random_seed?: number | null | undefined;
  /** Which part is wanted. */
  return_split: "train" | "val";
}

/**
 * A random part of a training set, equal to FusionBench's
 * `train_validation_split` (torch's `random_split`). Without a seed that one
 * cuts differently each time; this one never does.
 *
 * @throws {DatasetError} If the validation part is not a part.
 */
export function trainValidationSplit(
  dataset: ImageClassificationDataset,
  options: TrainValidationSplitOptions,
): ImageClassificationDataset {
  const { validation_fraction, validation_size, return_split } = options;
  const seed = options.random_seed ?? 0;
  check("random_seed", seed, 0);
  const size = validation_size ??
    Math.trunc(dataset.length * (validation_fraction ?? 0.1));
  if (!(Number.isInteger(size) && size > 0 && size < dataset.length)) {
    throw new DatasetError(
      `${dataset.name}: ${size} of ${dataset.length} images for validation, expected a part of them`,
    );
  }
  const order = randomPermutation(dataset.length, seed);
  const training = dataset.length - size;
  const part = return_split === "train"
    ? order.subarray(0, training)
    : order.subarray(training);
  return new Subset(dataset, part.length, (index) => part[index]!);
}

function check(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value < 2 ** 32) return;
  throw new DatasetError(
    `${name} is ${value}, expected a whole number from ${least}`,
  );
}

class Subset implements ImageClassificationDataset {
  constructor(
    readonly dataset: ImageClassificationDataset,
    readonly length: number,
    readonly place: (index: number) => number,
  ) {}

  get name(): string {
    return this.dataset.name;
  }

  get classNames(): readonly string[] | undefined {
    return this.dataset.classNames;
  }

  get classesAreSorted(): boolean | undefined {
    return this.dataset.classesAreSorted;
  }

  async read(index: number): Promise<ImageExample> {
    checkIndex(this, index);
    return await this.dataset.read(this.place(index));
  }
}

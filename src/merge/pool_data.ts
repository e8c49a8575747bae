import type * as tf from "@tensorflow/tfjs";
import type { ModelPart, MultiTask, MultiTaskModel } from "../convnext/mod.ts";
import { MethodError } from "../fusion_error.ts";
import type { MergePool } from "./pool.ts";

/**
 * Which images a method looks at. It never sees a label: of validation images it
 * is told how many are right.
 */
export interface DataUse {
  /** Of `train_datasets`, or of `test_datasets`. */
  readonly split: "train" | "test";
  /** How many of each task at most; all that are there if left out. */
  readonly images?: number;
  /** What for: a phrase. */
  readonly purpose: string;
  /** What validation images, with labels, are for, if they are used: a phrase. */
  readonly validation?: string;
}

/** Which images {@linkcode PoolData.batches} gives. */
export interface ImageBatches {
  /** Of `train_datasets`, or of `test_datasets`. */
  split: "train" | "test";
  /** Images a batch; the last of an epoch has what is left. */
  batchSize: number;
  /** Takes them in a random order, another in each epoch. @default {false} */
  shuffle?: boolean;
  /** Chooses that order. @default {0} */
  seed?: number | null;
  /** Begins again after the last image. @default {false} */
  repeat?: boolean;
}

/**
 * What methods with data see of a pool besides state dicts. Images come without
 * labels: no method can look at one.
 */
export interface PoolData {
  /**
   * Preprocessed images of a task, [batch, height, width, channels]; whoever
   * asks for them disposes of them.
   *
   * @throws {ModelPoolError} If the pool has no such data set.
   */
  batches(task: string, options: ImageBatches): AsyncGenerator<tf.Tensor4D>;
  /** Loads a model of the pool; whoever asks for it disposes of it. */
  loadModel(name: string): Promise<tf.LayersModel>;
  /**
   * Loads a model of the pool under every expert's head; whoever asks for it
   * disposes of it.
   */
  loadMultiTaskModel(name: string): Promise<MultiTaskModel>;
  /**
   * The mean over tasks of a model's accuracy on validation images, 0 to 1:
   * those of `val_datasets`, or of `train_datasets` where there are none.
   */
  validate(model: MultiTask): Promise<number>;
  /** Tells the user something, at once and in the merge's record. */
  warn(message: string): void;
  /** Adds something that was found to the merge's record. */
  note(key: string, value: unknown): void;
  /** Keeps what belongs to the merged model besides merged weights and heads. */
  keep(part: ModelPart): void;
  /** Told how far a method's look at the images is. */
  progress(done: number, total: number): void;
}

/**
 * The pool's data.
 * @throws {MethodError} If it comes without.
 */
export function needData(pool: MergePool, method: string): PoolData {
  if (pool.data) return pool.data;
  throw new MethodError(
    `method ${method}: it looks at images and the pool comes without, expected a merge by mergeModels or mergeToFolder`,
  );
}

/** A sentence for reports: which images a method looks at. */
export function describeDataUse(
  { split, images, purpose, validation }: DataUse,
): string {
  const count = images === undefined ? "" : `at most ${images} `;
  return `${count}${split} images of each task, without labels, ${purpose}${
    validation === undefined
      ? ""
      : `; validation images of each task, with labels, ${validation}`
  }`;
}

/**
 * Whether one of FusionBench's `exclude_param_names_regex` matches the
 * beginning of a tensor's name, with or without the backbone's prefix.
 */
export function excludes(patterns: readonly string[], name: string): boolean {
  const names = [name, name.slice(name.indexOf(".") + 1)];
  return patterns.some((pattern) => {
    const beginning = new RegExp(`^(?:${pattern})`);
    return names.some((each) => beginning.test(each));
  });
}

import {
  elementCount,
  memoryStateDict,
  type StateDict,
} from "../checkpoint/mod.ts";
import {
  fusionTargetsAmong,
  loadStateDict,
  type MultiTaskModel,
} from "../convnext/mod.ts";
import {
  type ImageClassificationDataset,
  type ImageExample,
  subset,
  trainValidationSplit,
} from "../dataset/mod.ts";
import { MethodError, ModelPoolError } from "../fusion_error.ts";
import {
  baseOf,
  type BoundMethod,
  closePool,
  mergeInMemory,
  type MergePool,
} from "../merge/mod.ts";
import {
  type ConvNextForImageClassificationPool,
  imagesOfPool,
} from "../modelpool/mod.ts";
import type { EvaluationReport } from "../report/mod.ts";
import { ImageClassificationTaskPool } from "../taskpool/mod.ts";

/** Elements of all models up to which they are kept in memory: 2 GiB. */
const IN_MEMORY = 1 << 29;

/** Which images trials are judged by. */
export interface ValidationOptions {
  /** Part of each training set that is for validation. */
  validation_fraction: number;
  /** So many of them at most. */
  images?: number | null | undefined;
  /** Chooses them. */
  seed: number;
}

/**
 * A pool, open to be merged again and again: its tensors, one model and the
 * validation images stay in memory from trial to trial.
 */
export class SearchSession {
  /** Validation images by task. */
  readonly images: Readonly<Record<string, number>>;
  readonly #pool: ConvNextForImageClassificationPool;
  readonly #open: MergePool;
  readonly #model: MultiTaskModel;
  readonly #taskPool: ImageClassificationTaskPool;

  private constructor(
    pool: ConvNextForImageClassificationPool,
    open: MergePool,
    model: MultiTaskModel,
    taskPool: ImageClassificationTaskPool,
    images: Readonly<Record<string, number>>,
  ) {
    this.#pool = pool;
    this.#open = open;
    this.#model = model;
    this.#taskPool = taskPool;
    this.images = images;
  }

  /**
   * Opens a pool.
   *
   * @throws {ModelPoolError} If a task has neither validation nor training
   * images.
   */
  static async open(
    pool: ConvNextForImageClassificationPool,
    options: ValidationOptions,
  ): Promise<SearchSession> {
    const test_datasets: Record<string, ImageClassificationDataset> = {};
    for (const task of pool.modelNames) {
      test_datasets[task] = inMemory(await validationSet(pool, task, options));
    }
    const taskPool = new ImageClassificationTaskPool({
      test_datasets,
      processor: await pool.loadProcessor(),
    });
    const files = await pool.openMergePool();
    const open = await kept(files);
    if (open !== files) closePool(files);
    return new SearchSession(
      pool,
      open,
      await pool.loadMultiTaskModel(pool.pretrainedOrFirstName),
      taskPool,
      Object.fromEntries(
        Object.entries(test_datasets).map(([task, { length }]) =>
          [task, length] as const
        ),
      ),
    );
  }

  /**
   * Merges and evaluates.
   * @throws {MethodError} If the method's models are more than merged weights.
   */
  async evaluate(method: BoundMethod): Promise<EvaluationReport> {
    if (method.method.ensemble || method.method.taskMasks) {
      throw cannotSearch(method.name);
    }
    const data = await imagesOfPool(this.#pool, method);
    const targets = fusionTargetsAmong(baseOf(this.#open).names);
    const merged = await mergeInMemory(
      { ...this.#open, ...(data && { data }) },
      method,
      { targets },
    );
    if (data?.part) throw cannotSearch(method.name);
    await loadStateDict(this.#model.model, merged, `${targets[0]}.`);
    return await this.#taskPool.evaluate(this.#model);
  }

  /** Releases models and files. */
  async close(): Promise<void> {
    closePool(this.#open);
    await this.#model.dispose();
  }
}

function cannotSearch(method: string): MethodError {
  return new MethodError(
    `method ${method}: its models are more than merged weights, expected a method that gives merged weights alone to search for its numbers`,
  );
}

/** A task's validation images: a pool's own, or part of its training images. */
async function validationSet(
  pool: ConvNextForImageClassificationPool,
  task: string,
  { validation_fraction, images, seed }: ValidationOptions,
): Promise<ImageClassificationDataset> {
  let dataset: ImageClassificationDataset;
  if (pool.valDatasetNames.includes(task)) {
    dataset = await pool.loadValDataset(task);
  } else if (pool.trainDatasetNames.includes(task)) {
    dataset = trainValidationSplit(await pool.loadTrainDataset(task), {
      validation_fraction,
      random_seed: seed,
      return_split: "val",
    });
  } else {
    throw new ModelPoolError(
      `search: the model pool has no training images of task ${task} to take validation images from, expected modelpool.train_datasets.${task}=FOLDER`,
    );
  }
  return images ? subset(dataset, { limit: images }) : dataset;
}

/** A data set whose examples are read once. */
function inMemory(
  dataset: ImageClassificationDataset,
): ImageClassificationDataset {
  const examples = new Map<number, Promise<ImageExample>>();
  return {
    name: dataset.name,
    length: dataset.length,
    ...(dataset.classNames && { classNames: dataset.classNames }),
    read(index) {
      let example = examples.get(index);
      if (!example) examples.set(index, example = dataset.read(index));
      return example;
    },
  };
}

/** The pool's tensors in memory; open files where they are too many. */
async function kept(pool: MergePool): Promise<MergePool> {
  const all = [...pool.models.values()];
  if (pool.pretrained) all.push(pool.pretrained);
  let elements = 0;
  for (const stateDict of all) {
    for (const name of stateDict.names) {
      elements += elementCount(stateDict.info(name).shape);
    }
  }
  if (elements > IN_MEMORY) return pool;
  const models = new Map<string, StateDict>();
  for (const [name, stateDict] of pool.models) {
    models.set(name, await copy(stateDict));
  }
  return {
    models,
    ...(pool.pretrained && { pretrained: await copy(pool.pretrained) }),
  };
}

async function copy(stateDict: StateDict): Promise<StateDict> {
  const tensors = new Map<
    string,
    { shape: readonly number[]; data: Float32Array }
  >();
  for (const name of stateDict.names) {
    const { shape } = stateDict.info(name);
    tensors.set(name, { shape, data: await stateDict.read(name) });
  }
  return memoryStateDict(tensors, stateDict.source);
}

import type * as tf from "@tensorflow/tfjs";
import {
  type AutoImageProcessor,
  convNextFromStateDict,
  type ModelPart,
  MultiTaskModel,
} from "../convnext/mod.ts";
import { batches, type ImageClassificationDataset } from "../dataset/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import {
  type BoundMethod,
  type DataUse,
  describeDataUse,
  type ImageBatches,
  type PoolData,
  randomUniform,
} from "../merge/mod.ts";
import { ImageClassificationTaskPool } from "../taskpool/mod.ts";
import type { ConvNextForImageClassificationPool } from "./convnext_pool.ts";

/** What `merge.json` tells of the data that a method saw. */
export interface DataRecord {
  /** A sentence. */
  use: string;
  /** Which data sets. */
  split: "train" | "test";
  /** Always: no method sees a label of these. */
  labels: false;
  /** Different images that were looked at, by task. */
  images: Record<string, number>;
  /** Labelled images that models were judged by, by task. */
  validation?: { split: "val" | "train"; images: Record<string, number> };
  /** What the user was told. */
  warnings?: string[];
  /** What the method found, such as merging weights. */
  [note: string]: unknown;
}

/** A pool's data for one merge, with a record of what was looked at. */
export interface ImagesOfPool extends PoolData {
  /** What was looked at so far. */
  record(): DataRecord;
  /** What belongs to the merged model besides. */
  readonly part: ModelPart | undefined;
}

/** How a method with data tells of its run. */
export interface ImagesOfPoolOptions {
  /** Told of each warning. Default: standard error. */
  onWarning?: ((message: string) => void) | undefined;
  /** Told how far the method is. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Opens the images that a method looks at; undefined for a method that looks at
 * none.
 *
 * @throws {ModelPoolError} If a task has no such data set, or the pool no image
 * processor; nothing has been computed yet.
 */
export async function imagesOfPool(
  pool: ConvNextForImageClassificationPool,
  { name, method, parameters }: BoundMethod,
  { onWarning = console.error, onProgress }: ImagesOfPoolOptions = {},
): Promise<ImagesOfPool | undefined> {
  const use = method.dataUse?.(parameters);
  if (!use) return undefined;
  const datasets = await openDatasets(pool, name, use);
  const processor = await pool.loadProcessor();
  const validation = use.validation === undefined
    ? undefined
    : await validationOf(pool, name, processor);
  const images: Record<string, number> = {};
  const notes: Record<string, unknown> = {};
  const warnings: string[] = [];
  let part: ModelPart | undefined;
  const loadModel = async (model: string): Promise<tf.LayersModel> => {
    const stateDict = await pool.openStateDict(model);
    try {
      return await convNextFromStateDict(
        await pool.loadConfig(model),
        stateDict,
      );
    } finally {
      stateDict.close();
    }
  };
  return {
    batches: (task, options) =>
      imageBatches(datasets.get(task)!, task, processor, options, (count) => {
        images[task] = Math.max(images[task] ?? 0, count);
      }),
    loadModel,
    loadMultiTaskModel: async (model) =>
      new MultiTaskModel(await loadModel(model), await pool.heads()),
    async validate(model) {
      const report = await validation!.taskPool.evaluate(model);
      return report.average.accuracy;
    },
    warn(message) {
      warnings.push(message);
      onWarning(`warning: ${message}`);
    },
    keep: (kept) => part = kept,
    get part() {
      return part;
    },
    note: (key, value) => notes[key] = value,
    progress: (done, total) => onProgress?.(done, total),
    record: () => ({
      use: describeDataUse(use),
      split: use.split,
      labels: false,
      images,
      ...(validation && { validation: validation.record }),
      ...(warnings.length > 0 && { warnings }),
      ...notes,
    }),
  };
}

async function openDatasets(
  pool: ConvNextForImageClassificationPool,
  method: string,
  { split }: DataUse,
): Promise<Map<string, ImageClassificationDataset>> {
  const datasets = new Map<string, ImageClassificationDataset>();
  const there = split === "train"
    ? pool.trainDatasetNames
    : pool.testDatasetNames;
  for (const task of pool.modelNames) {
    if (!there.includes(task)) {
      throw new ModelPoolError(
        `method ${method}: it looks at ${split} images and the model pool has none of task ${task}, expected modelpool.${split}_datasets.${task}=FOLDER`,
      );
    }
    const dataset = split === "train"
      ? await pool.loadTrainDataset(task)
      : await pool.loadTestDataset(task);
    datasets.set(task, dataset);
  }
  return datasets;
}

/** The tasks' validation sets, or training sets where there are none. */
async function validationOf(
  pool: ConvNextForImageClassificationPool,
  method: string,
  processor: AutoImageProcessor,
): Promise<{
  taskPool: ImageClassificationTaskPool;
  record: NonNullable<DataRecord["validation"]>;
}> {
  const split = pool.valDatasetNames.length > 0 ? "val" : "train";
  const there = split === "val" ? pool.valDatasetNames : pool.trainDatasetNames;
  const test_datasets: Record<string, ImageClassificationDataset> = {};
  const images: Record<string, number> = {};
  for (const task of pool.modelNames) {
    if (!there.includes(task)) {
      throw new ModelPoolError(
        `method ${method}: early_stopping looks at validation images and the model pool has none of task ${task}, expected modelpool.val_datasets.${task}=FOLDER`,
      );
    }
    const dataset = split === "val"
      ? await pool.loadValDataset(task)
      : await pool.loadTrainDataset(task);
    test_datasets[task] = dataset;
    images[task] = dataset.length;
  }
  return {
    taskPool: new ImageClassificationTaskPool({ test_datasets, processor }),
    record: { split, images },
  };
}

async function* imageBatches(
  dataset: ImageClassificationDataset,
  task: string,
  processor: AutoImageProcessor,
  { batchSize, shuffle = false, seed, repeat = false }: ImageBatches,
  onImages: (count: number) => void,
): AsyncGenerator<tf.Tensor4D> {
  for (let epoch = 0; epoch === 0 || repeat; epoch++) {
    const order = shuffle
      ? shuffled(dataset.length, [task, `epoch ${epoch}`], seed ?? 0)
      : undefined;
    const ordered = withoutLabels(dataset, order);
    let count = 0;
    for await (const { images } of batches(ordered, batchSize)) {
      count += images.length;
      onImages(count);
      yield processor.toTensor(images);
    }
  }
}

/** A data set, in another order if given, of whose labels nobody is told. */
export function withoutLabels(
  dataset: ImageClassificationDataset,
  order?: readonly number[],
): ImageClassificationDataset {
  return {
    name: dataset.name,
    length: dataset.length,
    async read(index) {
      const { image } = await dataset.read(order ? order[index]! : index);
      return { image, label: 0 };
    },
  };
}

/** A permutation (Fisher and Yates) that depends on seed and names alone. */
function shuffled(
  length: number,
  names: readonly string[],
  seed: number,
): number[] {
  const order = Array.from({ length }, (_, i) => i);
  const draws = randomUniform(seed, ["image order", ...names], 0, length);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(draws[i]! * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

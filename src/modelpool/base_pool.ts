import type * as tf from "@tensorflow/tfjs";
import {
  type ImageClassificationDataset,
  openDataset,
} from "../dataset/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";

/** A data set: an open one, the folder of one, or what opens one. */
export type DatasetEntry =
  | string
  | ImageClassificationDataset
  | (() => Promise<ImageClassificationDataset>);

/** What a pool is made of; keys as in FusionBench's YAML. */
export interface BaseModelPoolOptions<Entry> {
  /** The models by name; `_pretrained_` and `_merged_` are special. */
  models: Readonly<Record<string, Entry>>;
  /** Training sets by task. */
  train_datasets?: Readonly<Record<string, DatasetEntry>> | null;
  /** Validation sets by task. */
  val_datasets?: Readonly<Record<string, DatasetEntry>> | null;
  /** Test sets by task. */
  test_datasets?: Readonly<Record<string, DatasetEntry>> | null;
}

type Split = "train" | "val" | "test";

/**
 * Models to merge by name, with their data sets, as FusionBench's
 * `BaseModelPool`. A name that begins and ends with `_` is special: it is not
 * merged as an expert.
 *
 * @typeParam Entry What describes one model.
 */
export abstract class BaseModelPool<Entry> {
  /** The entries by name. */
  protected readonly entries: Map<string, Entry>;
  readonly #datasets: Record<Split, Readonly<Record<string, DatasetEntry>>>;

  /**
   * A pool of models by name; nothing is opened.
   *
   * @param options Models and data sets.
   * @throws {ModelPoolError} If a name cannot be that of a folder.
   */
  constructor(options: BaseModelPoolOptions<Entry>) {
    this.entries = new Map(Object.entries(options.models));
    for (const name of this.entries.keys()) checkName(name);
    this.#datasets = {
      train: options.train_datasets ?? {},
      val: options.val_datasets ?? {},
      test: options.test_datasets ?? {},
    };
  }

  /** Whether a name is special, such as `_pretrained_`. */
  static isSpecialModel(name: string): boolean {
    return name.startsWith("_") && name.endsWith("_");
  }

  /** Names of all models, special ones too. */
  get allModelNames(): string[] {
    return [...this.entries.keys()];
  }

  /** Names of the experts. */
  get modelNames(): string[] {
    return this.allModelNames.filter((name) =>
      !BaseModelPool.isSpecialModel(name)
    );
  }

  /** Whether there is a common ancestor. */
  get hasPretrained(): boolean {
    return this.entries.has("_pretrained_");
  }

  /** Whether there is a merged model. */
  get hasMerged(): boolean {
    return this.entries.has("_merged_");
  }

  /** Number of experts. */
  get length(): number {
    return this.modelNames.length;
  }

  /** `_pretrained_`, or the first expert where there is none. */
  get pretrainedOrFirstName(): string {
    const name = this.hasPretrained ? "_pretrained_" : this.modelNames[0];
    if (name !== undefined) return name;
    throw new ModelPoolError(
      "the model pool is empty, expected at least one model",
    );
  }

  /**
   * The entry of a model.
   * @throws {ModelPoolError} If there is none; the message lists those there.
   */
  protected entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    throw new ModelPoolError(
      `model ${name}: not in the model pool, which has ${
        this.allModelNames.join(", ")
      }`,
    );
  }

  /** Adds a model; its name must be new. */
  addModel(name: string, entry: Entry): void {
    if (this.entries.has(name)) {
      throw new ModelPoolError(
        `model ${name}: already in the model pool, expected a new name`,
      );
    }
    checkName(name);
    this.entries.set(name, entry);
  }

  /** Loads a model by its name in the pool, or by its entry. */
  abstract loadModel(nameOrEntry: string | Entry): Promise<tf.LayersModel>;

  /**
   * Loads `_pretrained_`.
   * @throws {ModelPoolError} If the pool has none.
   */
  loadPretrainedModel(): Promise<tf.LayersModel> {
    return this.loadModel("_pretrained_");
  }

  /** Loads `_pretrained_`, or the first expert where there is none. */
  loadPretrainedOrFirstModel(): Promise<tf.LayersModel> {
    return this.loadModel(this.pretrainedOrFirstName);
  }

  /** Loads the experts, one after the other. */
  async *models(): AsyncGenerator<tf.LayersModel> {
    for await (const [, model] of this.namedModels()) yield model;
  }

  /** Loads the experts with their names, one after the other. */
  async *namedModels(): AsyncGenerator<[string, tf.LayersModel]> {
    for (const name of this.modelNames) {
      yield [name, await this.loadModel(name)];
    }
  }

  /** Tasks that have a training set. */
  get trainDatasetNames(): string[] {
    return Object.keys(this.#datasets.train);
  }

  /** Tasks that have a validation set. */
  get valDatasetNames(): string[] {
    return Object.keys(this.#datasets.val);
  }

  /** Tasks that have a test set. */
  get testDatasetNames(): string[] {
    return Object.keys(this.#datasets.test);
  }

  /** Opens a task's training set. */
  loadTrainDataset(task: string): Promise<ImageClassificationDataset> {
    return this.#loadDataset("train", task);
  }

  /** Opens a task's validation set. */
  loadValDataset(task: string): Promise<ImageClassificationDataset> {
    return this.#loadDataset("val", task);
  }

  /** Opens a task's test set. */
  loadTestDataset(task: string): Promise<ImageClassificationDataset> {
    return this.#loadDataset("test", task);
  }

  async #loadDataset(
    split: Split,
    task: string,
  ): Promise<ImageClassificationDataset> {
    const entry = this.#datasets[split][task];
    if (entry === undefined) {
      const tasks = Object.keys(this.#datasets[split]);
      throw new ModelPoolError(
        `${split}_datasets: none for task ${task}, ${
          tasks.length === 0 ? "the pool has no such sets" : `it has ${tasks}`
        }`,
      );
    }
    if (typeof entry === "string") return await openDataset(entry);
    return typeof entry === "function" ? await entry() : entry;
  }
}

/** A merged model keeps each head in a folder of its expert's name. */
function checkName(name: string): void {
  if (/^(?!\.{1,2}$)[^/\\\0]+$/.test(name)) return;
  throw new ModelPoolError(
    `model ${
      JSON.stringify(name)
    }: not a name for the folder of its head, expected one without / and \\`,
  );
}

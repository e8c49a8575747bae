import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import { openCheckpoint, type StateDict } from "../checkpoint/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import {
  type ConvNextConfig,
  numLabels,
  readConvNextConfig,
} from "./config.ts";
import { configOf } from "./metadata.ts";
import { attachHead, backboneOf, createConvNext } from "./model.ts";
import { loadStateDict, stateDictOf } from "./weights.ts";

/** A task's classification head: its classes, and where its weights are. */
export interface Head {
  /** The config whose `id2label` names the classes. */
  readonly config: ConvNextConfig;
  /** Holds `classifier.weight` [labels, channels] and `classifier.bias`. */
  readonly stateDict: StateDict;
}

/**
 * One backbone with a head for each task. Switching the task makes a
 * `tf.LayersModel` over the same backbone: no weight of it is copied.
 */
export class MultiTaskModel {
  /** The model whose head belongs to no task: `_pretrained_`'s, or the only one. */
  readonly model: tf.LayersModel;
  readonly #heads: ReadonlyMap<string, Head>;
  readonly #models = new Map<string, Promise<tf.LayersModel>>();

  /**
   * @param model The backbone, with its own head.
   * @param heads Heads by task.
   */
  constructor(
    model: tf.LayersModel,
    heads: ReadonlyMap<string, Head> = new Map(),
  ) {
    this.model = model;
    this.#heads = heads;
  }

  /** Tasks that have a head of their own. */
  get tasks(): string[] {
    return [...this.#heads.keys()];
  }

  /**
   * The model with the head of a task.
   *
   * @throws {ModelPoolError} If it has heads, but none for this task.
   */
  forTask(task: string): Promise<tf.LayersModel> {
    const head = this.#heads.get(task);
    if (!head) {
      if (this.#heads.size === 0) return Promise.resolve(this.model);
      throw new ModelPoolError(
        `model ${this.model.name}: no head for task ${task}, it has heads for ${
          this.tasks.join(", ")
        }`,
      );
    }
    const existing = this.#models.get(task);
    if (existing) return existing;
    const model = withHead(this.model, head);
    this.#models.set(task, model);
    return model;
  }

  /** The same heads on another backbone. */
  withBackbone(model: tf.LayersModel): MultiTaskModel {
    return new MultiTaskModel(model, this.#heads);
  }

  /** Releases backbone and heads, and the files that heads are read from. */
  async dispose(): Promise<void> {
    for (const model of this.#models.values()) (await model).dispose();
    this.#models.clear();
    for (const { stateDict } of this.#heads.values()) stateDict.close();
    this.model.dispose();
  }
}

/** The model's backbone under a head with weights of its own. */
export async function withHead(
  model: tf.LayersModel,
  { config, stateDict }: Head,
): Promise<tf.LayersModel> {
  const switched = attachHead(backboneOf(model), {
    ...configOf(model),
    id2label: config.id2label,
    label2id: config.label2id,
  }, { initialize: false });
  await loadStateDict(switched, stateDict, "classifier.");
  return switched;
}

/**
 * Loads a Hugging Face ConvNeXt folder.
 *
 * @param folder Holds `config.json` and `model.safetensors` (or its shards).
 * @throws {CheckpointError | ConfigError} If a file is missing, damaged or does
 * not fit the config.
 */
export async function loadConvNext(folder: string): Promise<tf.LayersModel> {
  const config = await readConvNextConfig(folder);
  const stateDict = await openCheckpoint(folder);
  try {
    return await convNextFromStateDict(config, stateDict);
  } finally {
    stateDict.close();
  }
}

/** Builds a ConvNeXt and fills it from a state dict. */
export async function convNextFromStateDict(
  config: ConvNextConfig,
  stateDict: StateDict,
): Promise<tf.LayersModel> {
  const model = createConvNext(config, { initialize: false });
  try {
    await loadStateDict(model, stateDict);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/**
 * Loads a folder that a merge wrote, with its `heads/<task>/`; a plain Hugging
 * Face folder gives a model with one head.
 */
export async function loadMultiTaskModel(
  folder: string,
): Promise<MultiTaskModel> {
  const model = await loadConvNext(folder);
  const heads = new Map<string, Head>();
  const headsFolder = join(folder, "heads");
  for (const task of await subfolders(headsFolder)) {
    const path = join(headsFolder, task);
    heads.set(task, {
      config: await readConvNextConfig(path),
      stateDict: await openCheckpoint(path),
    });
  }
  return new MultiTaskModel(model, heads);
}

async function subfolders(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isDirectory) names.push(entry.name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/** The head of a loaded model. */
export function headOf(model: tf.LayersModel): Head {
  return { config: configOf(model), stateDict: stateDictOf(model) };
}

/** Number of weights of a model: those of its head and backbone. */
export function countParameters(model: tf.LayersModel): number {
  return model.countParams();
}

/** Whether two configs name the same classes in the same order. */
export function sameLabels(a: ConvNextConfig, b: ConvNextConfig): boolean {
  return numLabels(a) === numLabels(b) &&
    Object.entries(a.id2label).every(([id, label]) => b.id2label[id] === label);
}

import type * as tf from "@tensorflow/tfjs";
import { elementCount, type StateDict } from "../checkpoint/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import type { ConvNextConfig } from "./config.ts";
import { checkShapes } from "./expected_shapes.ts";
import { configOf } from "./metadata.ts";
import { attachHead, backboneOf, createConvNext } from "./model.ts";
import type { MultiTask } from "./multi_task.ts";
import { openConvNext } from "./open_convnext.ts";
import { closeTaskMasks, type TaskMasks, taskStateDict } from "./task_masks.ts";
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
 *
 * With a mask for each task, switching the task gives that task's backbone back
 * from the shared one: a backbone of its own, made when it is asked for.
 */
export class MultiTaskModel implements MultiTask {
  /** The model whose head belongs to no task: `_pretrained_`'s, or the only one. */
  readonly model: tf.LayersModel;
  /** A mask for each task, if the method keeps them. */
  readonly masks: TaskMasks | undefined;
  readonly #heads: ReadonlyMap<string, Head>;
  readonly #models = new Map<string, Promise<tf.LayersModel>>();

  /**
   * Puts heads on a backbone.
   *
   * @param model The backbone, with its own head.
   * @param heads Heads by task.
   * @param masks Masks by task; they are this model's to close.
   */
  constructor(
    model: tf.LayersModel,
    heads: ReadonlyMap<string, Head> = new Map(),
    masks?: TaskMasks,
  ) {
    this.model = model;
    this.masks = masks;
    this.#heads = heads;
  }

  /** What messages call it. */
  get name(): string {
    return this.model.name;
  }

  /** The heads by task. */
  get heads(): ReadonlyMap<string, Head> {
    return this.#heads;
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
    const existing = this.#models.get(task);
    if (existing) return existing;
    const model = this.#make(task);
    if (this.#heads.size > 0) this.#models.set(task, model);
    return model;
  }

  /**
   * Runs something with the model of a task. A backbone that a mask gave back
   * for it alone is released afterwards.
   *
   * @throws {ModelPoolError} If it has heads, but none for this task.
   */
  async withTask<Result>(
    task: string,
    use: (model: tf.LayersModel) => Promise<Result>,
  ): Promise<Result> {
    if (!this.masks || this.#models.has(task)) {
      return await use(await this.forTask(task));
    }
    const model = await this.#make(task);
    try {
      return await use(model);
    } finally {
      if (model !== this.model) model.dispose();
    }
  }

  #make(task: string): Promise<tf.LayersModel> {
    const head = this.#heads.get(task);
    if (head) {
      return this.masks
        ? withMask(this.model, head, this.masks, task)
        : withHead(this.model, head);
    }
    if (this.#heads.size === 0) return Promise.resolve(this.model);
    throw new ModelPoolError(
      `model ${this.model.name}: no head for task ${task}, it has heads for ${
        this.tasks.join(", ")
      }`,
    );
  }

  /** Number of weights: those of the shared backbone and of every head. */
  countParameters(): number {
    if (this.#heads.size === 0) return countParameters(this.model);
    let count = backboneOf(this.model).countParams();
    for (const { stateDict } of this.#heads.values()) {
      for (const name of ["classifier.weight", "classifier.bias"]) {
        count += elementCount(stateDict.info(name).shape);
      }
    }
    return count;
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
    if (this.masks) closeTaskMasks(this.masks);
    this.model.dispose();
  }
}

/** The model's backbone under a head with weights of its own. */
export async function withHead(
  model: tf.LayersModel,
  { config, stateDict }: Head,
): Promise<tf.LayersModel> {
  const switched = attachHead(
    backboneOf(model),
    withLabels(configOf(model), config),
    { initialize: false },
  );
  await loadStateDict(switched, stateDict, "classifier.");
  return switched;
}

/** A task's own backbone, given back by its mask, under its head. */
async function withMask(
  model: tf.LayersModel,
  { config, stateDict }: Head,
  masks: TaskMasks,
  task: string,
): Promise<tf.LayersModel> {
  const backbone = taskStateDict(stateDictOf(model), masks, task);
  const of = (name: string): StateDict =>
    name.startsWith("classifier.") ? stateDict : backbone;
  return await convNextFromStateDict(withLabels(configOf(model), config), {
    names: backbone.names,
    source: backbone.source,
    info: (name) => of(name).info(name),
    read: (name, begin, end) => of(name).read(name, begin, end),
    close: () => {},
  });
}

/** A model's config with the classes of another. */
function withLabels(
  config: ConvNextConfig,
  { id2label, label2id }: ConvNextConfig,
): ConvNextConfig {
  return { ...config, id2label, label2id };
}

/**
 * Loads a ConvNeXt that Hugging Face's transformers or timm saved.
 *
 * @param folder Holds `config.json` and `model.safetensors` or
 * `pytorch_model.bin` (or their shards); timm's needs no `config.json`.
 * @throws {CheckpointError | ConfigError} If a file is missing, damaged or does
 * not fit the config.
 */
export async function loadConvNext(folder: string): Promise<tf.LayersModel> {
  const { config, stateDict } = await openConvNext(folder);
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
  // Before memory is taken for what the config says.
  checkShapes(stateDict, config, { others: true });
  const model = createConvNext(config, { initialize: false });
  try {
    await loadStateDict(model, stateDict);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The head of a loaded model. */
export function headOf(model: tf.LayersModel): Head {
  return { config: configOf(model), stateDict: stateDictOf(model) };
}

/** Number of weights of a model: those of its head and backbone. */
export function countParameters(model: tf.LayersModel): number {
  return model.countParams();
}

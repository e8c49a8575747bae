import type * as tf from "@tensorflow/tfjs";
import { elementCount } from "../checkpoint/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import { type Head, withHead } from "./head.ts";
import { backboneOf } from "./model.ts";
import type { ModelPart } from "./model_part.ts";
import type { MultiTask } from "./multi_task.ts";
import { TaskMasks } from "./task_masks.ts";

/**
 * One backbone with a head for each task. Switching the task makes a
 * `tf.LayersModel` over the same backbone: no weight of it is copied.
 *
 * A method may keep more than merged weights. With a mask for each task,
 * switching the task gives that task's backbone back from the shared one: a
 * backbone of its own, made when it is asked for.
 */
export class MultiTaskModel implements MultiTask {
  /** The model whose head belongs to no task: `_pretrained_`'s, or the only one. */
  readonly model: tf.LayersModel;
  /** What the method keeps besides merged weights. */
  readonly part: ModelPart | undefined;
  readonly #heads: ReadonlyMap<string, Head>;
  readonly #models = new Map<string, Promise<tf.LayersModel>>();

  /**
   * Puts heads on a backbone.
   *
   * @param model The backbone, with its own head.
   * @param heads Heads by task.
   * @param part What else belongs to the model, which it is attached to already
   * ({@linkcode MultiTaskModel.with} does that); it is this model's to close.
   */
  constructor(
    model: tf.LayersModel,
    heads: ReadonlyMap<string, Head> = new Map(),
    part?: ModelPart,
  ) {
    this.model = model;
    this.part = part;
    this.#heads = heads;
  }

  /** Puts heads on a backbone, and a part into it. */
  static async with(
    model: tf.LayersModel,
    heads: ReadonlyMap<string, Head>,
    part: ModelPart | undefined,
  ): Promise<MultiTaskModel> {
    const attached = await part?.attach?.(model) ?? model;
    return new MultiTaskModel(attached, heads, part);
  }

  /** A mask for each task, if the method keeps them. */
  get masks(): TaskMasks | undefined {
    return this.part instanceof TaskMasks ? this.part : undefined;
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
    if (!this.part?.hasTaskBackbones || this.#models.has(task)) {
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
      return this.part
        ? this.part.forTask(this.model, head, task)
        : withHead(this.model, head);
    }
    if (this.#heads.size === 0) return Promise.resolve(this.model);
    throw new ModelPoolError(
      `model ${this.model.name}: no head for task ${task}, it has heads for ${
        this.tasks.join(", ")
      }`,
    );
  }

  /** Number of weights: the shared backbone's, every head's and the part's. */
  countParameters(): number {
    if (this.#heads.size === 0) return countParameters(this.model);
    let count = backboneOf(this.model).countParams() +
      (this.part?.countParameters() ?? 0);
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
    this.model.dispose();
    this.part?.close();
  }
}

/** Number of weights of a model: those of its head and backbone. */
export function countParameters(model: tf.LayersModel): number {
  return model.countParams();
}

import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import {
  elementCount,
  saveTensors,
  type StateDict,
} from "../checkpoint/mod.ts";
import { CheckpointError } from "../fusion_error.ts";
import { type Head, withHead } from "./head.ts";
import type { ModelPart } from "./model_part.ts";
import { openPartFiles, partFile } from "./part_files.ts";

/** Where a merged model's folder keeps the tasks' surgery modules. */
const FOLDER = "surgery";
const DOWN = "down_proj.weight";
const UP = "up_proj.weight";

/**
 * Features minus their bias: features - up(relu(down(features))), [batch,
 * channels].
 */
export function operate(
  features: tf.Tensor,
  down: tf.Tensor2D,
  up: tf.Tensor2D,
): tf.Tensor {
  const hidden = tf.relu(tf.matMul(features as tf.Tensor2D, down));
  return tf.sub(features, tf.matMul(hidden, up));
}

/** A task's surgery module as a layer; kernels [channels, hidden] and back. */
class SurgeryLayer extends tf.layers.Layer {
  static readonly className = "Surgery";
  readonly #hidden: number;
  #down!: tf.LayerVariable;
  #up!: tf.LayerVariable;

  constructor({ name, hidden }: { name: string; hidden: number }) {
    super({ name });
    this.#hidden = hidden;
  }

  override build(inputShape: tf.Shape): void {
    const channels = inputShape.at(-1) ?? 0;
    const zeros = tf.initializers.zeros();
    const add = (name: string, shape: number[]): tf.LayerVariable =>
      this.addWeight(name, shape, "float32", zeros);
    this.#down = add("down", [channels, this.#hidden]);
    this.#up = add("up", [this.#hidden, channels]);
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const features = Array.isArray(inputs) ? inputs[0]! : inputs;
    return tf.tidy(() =>
      operate(
        features,
        this.#down.read() as tf.Tensor2D,
        this.#up.read() as tf.Tensor2D,
      )
    );
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), hidden: this.#hidden };
  }

  /** Loads a module, in PyTorch's layout. */
  async load(module: StateDict): Promise<void> {
    for (const [name, variable] of [[DOWN, this.#down], [UP, this.#up]]) {
      const values = await module.read(name as string);
      tf.tidy(() => {
        const { shape } = module.info(name as string);
        const weight = tf.tensor2d(values, shape as [number, number]);
        (variable as tf.LayerVariable).write(tf.transpose(weight));
      });
    }
  }
}
tf.serialization.registerClass(SurgeryLayer);

/**
 * Representation surgery: for each task a small module between backbone and head
 * that takes the bias of merging from the features.
 *
 * https://arxiv.org/abs/2402.02705
 */
export class Surgery implements ModelPart {
  /** Name of the folder that a saved model keeps it in. */
  readonly folder: string = FOLDER;
  /** All tasks share one backbone. */
  readonly hasTaskBackbones: boolean = false;
  /**
   * A state dict by task: `down_proj.weight` [hidden, channels] and
   * `up_proj.weight` [channels, hidden].
   */
  readonly modules: ReadonlyMap<string, StateDict>;

  /** Takes the modules over. */
  constructor(modules: ReadonlyMap<string, StateDict>) {
    this.modules = modules;
  }

  /**
   * The shared backbone, the task's module, the task's head.
   * @throws {CheckpointError} If there is no module for the task.
   */
  async forTask(
    model: tf.LayersModel,
    head: Head,
    task: string,
  ): Promise<tf.LayersModel> {
    const module = this.modules.get(task);
    if (!module) {
      throw new CheckpointError(
        `model ${model.name}: no surgery module for task ${task}, it has those for ${
          [...this.modules.keys()].join(", ")
        }`,
      );
    }
    const layer = new SurgeryLayer({
      name: "surgery",
      hidden: module.info(DOWN).shape[0]!,
    });
    const switched = await withHead(model, head, layer);
    await layer.load(module);
    return switched;
  }

  /** Number of weights of all modules. */
  countParameters(): number {
    let count = 0;
    for (const module of this.modules.values()) {
      for (const name of module.names) {
        count += elementCount(module.info(name).shape);
      }
    }
    return count;
  }

  /** Writes a file for each task. */
  async save(folder: string): Promise<void> {
    for (const [task, module] of this.modules) {
      await saveTensors(partFile(folder, task), module);
    }
  }

  /** Releases the modules' files. */
  close(): void {
    for (const module of this.modules.values()) module.close();
  }
}

/**
 * Opens the surgery modules of a merged folder; undefined if it has none.
 *
 * @throws {CheckpointError} If a file is damaged or holds other tensors.
 */
export async function openSurgery(
  folder: string,
): Promise<Surgery | undefined> {
  const modules = await openPartFiles(join(folder, FOLDER));
  if (!modules) return undefined;
  const surgery = new Surgery(modules);
  try {
    for (const module of modules.values()) checkModule(module);
    return surgery;
  } catch (error) {
    surgery.close();
    throw error;
  }
}

function checkModule(module: StateDict): void {
  for (const name of [DOWN, UP]) {
    if (module.names.includes(name)) continue;
    throw new CheckpointError(
      `${module.source}: tensor ${name} is missing, expected a surgery module`,
    );
  }
  const down = module.info(DOWN).shape;
  const up = module.info(UP).shape;
  if (`${down}` === `${[...up].reverse()}`) return;
  throw new CheckpointError(
    `${module.source}: tensors ${DOWN} of shape [${down}] and ${UP} of shape [${up}], expected one to be the other's transposed`,
  );
}

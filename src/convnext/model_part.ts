import type * as tf from "@tensorflow/tfjs";
import type { Head } from "./head.ts";

/**
 * What a multi-task model is made of besides merged weights and heads: a mask
 * for each task, modules behind the backbone, routers within it. It goes where
 * the model goes: into its folder and out of it.
 */
export interface ModelPart {
  /** Name of the folder that a saved model keeps it in. */
  readonly folder: string;
  /** Whether the model of a task has a backbone of its own. */
  readonly hasTaskBackbones: boolean;
  /**
   * Puts itself into the model that all tasks share, where it belongs there.
   *
   * @returns The model to use instead; it owns what the one given owned.
   */
  attach?(model: tf.LayersModel): Promise<tf.LayersModel>;
  /** The model of a task. */
  forTask(
    model: tf.LayersModel,
    head: Head,
    task: string,
  ): Promise<tf.LayersModel>;
  /** Number of weights in it. */
  countParameters(): number;
  /** Writes itself into a folder of its own, which exists. */
  save(folder: string): Promise<void>;
  /** Releases files and weights. */
  close(): void;
}

import type * as tf from "@tensorflow/tfjs";
import type { AutoImageProcessor } from "../convnext/mod.ts";
import type { ImageClassificationDataset } from "../dataset/mod.ts";
import type { Validation } from "./evaluate.ts";

/** How {@linkcode fineTune} trains; keys as in FusionBench and Lightning. */
export interface FineTuneOptions {
  /** Images that are trained on. */
  train: ImageClassificationDataset;
  /** Images that the model is judged by meanwhile. */
  val?: ImageClassificationDataset | undefined;
  /** Turns images into `pixel_values`. */
  processor: AutoImageProcessor;
  /** Length in epochs; one of this and `max_steps` is above 0, the other -1 or absent. */
  max_epochs?: number | null | undefined;
  /** Length in optimiser steps; -1 or absent if it is given in epochs. */
  max_steps?: number | null | undefined;
  /**
   * The optimiser: `{name: "sgd" | "adam" | "adamw", lr, …}` with PyTorch's
   * options. Weights decay alike, as with `model.parameters()` in PyTorch.
   */
  optimizer: Readonly<Record<string, unknown>>;
  /** The schedule: `{name: "constant" | "cosine" | "step", …}`. @default constant */
  lr_scheduler?: Readonly<Record<string, unknown>> | null | undefined;
  /** Steps over which the learning rate rises in a line. @default {0} */
  warmup_steps?: number | undefined;
  /** Images that are computed at once. @default {64} */
  batch_size?: number | undefined;
  /**
   * Batches that make one step. Their mean is taken over images, so that a
   * smaller last batch does not weigh more. @default {1}
   */
  accumulate_grad_batches?: number | undefined;
  /** Largest norm of all gradients together. @default none */
  gradient_clip_val?: number | null | undefined;
  /** Share of the target that is spread over all classes. @default {0} */
  label_smoothing?: number | undefined;
  /** Which half of the model does not learn. @default none */
  freeze?: "backbone" | "head" | null | undefined;
  /** The first steps, in which the head learns alone. @default {0} */
  head_steps?: number | undefined;
  /** Learning rate's factor for each layer below the head. @default {1} */
  layer_decay?: number | undefined;
  /** Pixels by which images are shifted at random. @default {0} */
  random_crop?: number | undefined;
  /** Mirrors every other image. @default {false} */
  random_flip?: boolean | undefined;
  /** Share of the training images that is used. @default {1} */
  training_data_ratio?: number | null | undefined;
  /** What order, augmentation and stochastic depth follow from. @default {0} */
  seed?: number | undefined;
  /** Where logs, saved models and the state go. @default nowhere */
  log_dir?: string | undefined;
  /** Epochs or steps (as the length is given in) between validations. @default {1} epoch */
  val_interval?: number | null | undefined;
  /** Saves the best k models, -1 all, 0 none. @default {0} */
  save_top_k?: number | undefined;
  /** Epochs or steps (as the length is given in) between saved models. @default {1} */
  save_interval?: number | undefined;
  /** Steps between saved states. @default {50} */
  state_interval?: number | undefined;
  /** Goes on where a run in `log_dir` was stopped. @default {true} */
  resume?: boolean | undefined;
  /** What else must be the same for a run to go on: the model, … */
  recipe?: Readonly<Record<string, unknown>> | undefined;
  /** Saves a model as a folder; needed for `save_top_k`. */
  saveModel?:
    | ((model: tf.LayersModel, folder: string) => Promise<void>)
    | undefined;
  /** Told after each step. */
  onStep?: ((report: StepReport) => void) | undefined;
}

/** What a step came to. */
export interface StepReport {
  /** Steps taken. */
  step: number;
  /** Steps to be taken. */
  steps: number;
  /** The step's epoch, from 0. */
  epoch: number;
  /** Its learning rate. */
  learningRate: number;
  /** Mean loss over its images. */
  loss: number;
  /** Norm of all gradients, before clipping. */
  gradientNorm: number;
  /** Where the model was validated after it. */
  validation?: Validation;
}

/** What a training came to. */
export interface FineTuneResult {
  /** Optimiser steps that the weights have seen. */
  steps: number;
  /** Loss of the last step; undefined if the run was finished before. */
  loss?: number;
  /** The last validation. */
  validation?: Validation;
  /** Saved models, the best first. */
  checkpoints: { step: number; folder: string; score: number }[];
}

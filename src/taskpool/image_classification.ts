import * as tf from "@tensorflow/tfjs";
import {
  type AutoImageProcessor,
  configOf,
  labelsOf,
  type MultiTask,
  MultiTaskModel,
} from "../convnext/mod.ts";
import {
  batches,
  type ImageClassificationDataset,
  openDataset,
} from "../dataset/mod.ts";
import { DatasetError, ModelPoolError } from "../fusion_error.ts";
import {
  averageResult,
  type EvaluationReport,
  type TaskResult,
} from "../report/mod.ts";
import { checkOnlyHead, headLabelsOf } from "./head_labels.ts";

/** What a task pool is made of; keys as in FusionBench's YAML. */
export interface ImageClassificationTaskPoolOptions {
  /** Test sets by task: open ones, their folders, or what opens them. */
  test_datasets: Readonly<
    Record<
      string,
      | string
      | ImageClassificationDataset
      | (() => Promise<ImageClassificationDataset>)
    >
  >;
  /** Turns images into `pixel_values`. */
  processor: AutoImageProcessor;
  /** How images are batched. */
  dataloader_kwargs?: { batch_size?: number };
}

/** How an evaluation runs. */
export interface EvaluateOptions {
  /** The model's name, repeated in the report. */
  name?: string;
  /** Which images its method looked at, repeated in the report. */
  data?: NonNullable<EvaluationReport["model_info"]["data"]> | undefined;
  /** Evaluates one batch of each task only. @default {false} */
  fastDevRun?: boolean;
  /** Told after each batch how many images of a task are done. */
  onProgress?: (task: string, done: number, total: number) => void;
}

/**
 * Evaluates a model on tasks, each with its test set and its head, as
 * FusionBench's `ImageClassificationTaskPool`. Loss is the mean over images;
 * FusionBench's, the mean over batches, differs where the last is smaller.
 */
export class ImageClassificationTaskPool {
  readonly #options: ImageClassificationTaskPoolOptions;

  /**
   * A pool of tasks; nothing is opened.
   *
   * @param options Test sets and image processor.
   * @throws {DatasetError} If a task's name is a key that every report has.
   */
  constructor(options: ImageClassificationTaskPoolOptions) {
    this.#options = options;
    for (const task of this.tasks) {
      if (task !== "model_info" && task !== "average") continue;
      throw new DatasetError(
        `task ${task}: reports have model_info and average for all tasks, expected another name`,
      );
    }
  }

  /** Names of the tasks. */
  get tasks(): string[] {
    return Object.keys(this.#options.test_datasets);
  }

  /** Opens a task's test set. */
  async loadTestDataset(task: string): Promise<ImageClassificationDataset> {
    const entry = this.#options.test_datasets[task];
    if (entry === undefined) {
      throw new DatasetError(
        `task ${task}: no test set, the task pool has ${this.tasks.join(", ")}`,
      );
    }
    if (typeof entry === "string") return await openDataset(entry);
    return typeof entry === "function" ? await entry() : entry;
  }

  /**
   * Evaluates a model on every task.
   *
   * @param model A model with a head for each task, one with one head for the
   * classes that all tasks have, or an ensemble.
   * @throws {ModelPoolError} If it has no head for a task; names both.
   * @throws {DatasetError} If a label is outside the head's range.
   */
  async evaluate(
    model: MultiTask | tf.LayersModel,
    options: EvaluateOptions = {},
  ): Promise<EvaluationReport> {
    const multiTask = model instanceof tf.LayersModel
      ? new MultiTaskModel(model)
      : model;
    const name = options.name ?? multiTask.name;
    const missing = this.tasks.find((task) =>
      multiTask.tasks.length > 0 && !multiTask.tasks.includes(task)
    );
    if (missing !== undefined) {
      throw new ModelPoolError(
        `model ${name}: no head for task ${missing} of the task pool, it has heads for ${
          multiTask.tasks.join(", ")
        }`,
      );
    }
    const hasOneHead = multiTask instanceof MultiTaskModel &&
      multiTask.tasks.length === 0;
    if (hasOneHead) {
      const labels = labelsOf(configOf(multiTask.model));
      for (const task of this.tasks) {
        const dataset = await this.loadTestDataset(task);
        await checkOnlyHead(name, labels, task, dataset, this.tasks);
      }
    }
    const results: Record<string, TaskResult> = {};
    for (const task of this.tasks) {
      results[task] = await multiTask.withTask(
        task,
        (model) => this.#evaluateTask(task, model, options),
      );
    }
    const parameters = multiTask.countParameters();
    return {
      model_info: {
        trainable_params: parameters,
        all_params: parameters,
        trainable_percentage: 1,
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.data ? { data: options.data } : {}),
      },
      ...results,
      average: averageResult(Object.values(results)),
    };
  }

  async #evaluateTask(
    task: string,
    model: tf.LayersModel,
    { fastDevRun, onProgress }: EvaluateOptions,
  ): Promise<TaskResult> {
    const dataset = await this.loadTestDataset(task);
    const { processor, dataloader_kwargs } = this.#options;
    const batchSize = dataloader_kwargs?.batch_size ?? 32;
    const labelNames = labelsOf(configOf(model));
    const classes = labelNames.length;
    const headLabels = headLabelsOf(dataset, labelNames, task);
    let correct = 0;
    let loss = 0;
    let seen = 0;
    for await (const batch of batches(dataset, batchSize)) {
      const { images } = batch;
      const labels = headLabels
        ? batch.labels.map((label) => headLabels[label]!)
        : batch.labels;
      checkLabels(labels, classes, task, dataset, seen);
      const pixelValues = processor.toTensor(images);
      const logits = tf.tidy(() => model.apply(pixelValues) as tf.Tensor2D);
      const values = await logits.data() as Float32Array;
      tf.dispose([pixelValues, logits]);
      for (const [row, label] of labels.entries()) {
        const result = score(
          values.subarray(row * classes, (row + 1) * classes),
          label,
        );
        correct += result.correct ? 1 : 0;
        loss += result.loss;
      }
      seen += labels.length;
      onProgress?.(task, seen, dataset.length);
      if (fastDevRun) break;
    }
    return { accuracy: correct / seen, loss: loss / seen };
  }
}

/** Whether the label has the (first) largest logit, and its cross-entropy. */
function score(
  logits: Float32Array,
  label: number,
): { correct: boolean; loss: number } {
  let largest = 0;
  for (let i = 1; i < logits.length; i++) {
    if (logits[i]! > logits[largest]!) largest = i;
  }
  const max = logits[largest]!;
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0);
  return {
    correct: largest === label,
    loss: Math.log(sum) + max - logits[label]!,
  };
}

function checkLabels(
  labels: Int32Array,
  classes: number,
  task: string,
  dataset: ImageClassificationDataset,
  offset: number,
): void {
  const at = labels.findIndex((label) => label < 0 || label >= classes);
  if (at === -1) return;
  throw new DatasetError(
    `${dataset.name}: label ${labels[at]} of image ${
      offset + at
    } is outside the head of task ${task}, which has ${classes} classes (0 to ${
      classes - 1
    })`,
  );
}

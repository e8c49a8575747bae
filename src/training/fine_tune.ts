import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import { configOf, numLabels } from "../convnext/mod.ts";
import { randomPermutation } from "../dataset/mod.ts";
import { ConfigError, MethodError } from "../fusion_error.ts";
import { type MadeFolder, makeFolder } from "../make_folder.ts";
import { cannotWrite } from "../reason.ts";
import { evaluateExamples, type Validation } from "./evaluate.ts";
import { Examples } from "./examples.ts";
import type {
  FineTuneOptions,
  FineTuneResult,
  StepReport,
} from "./fine_tune_options.ts";
import type { TrainingBatch } from "./gradients.ts";
import { Optimizer } from "./optimizer.ts";
import { updateRule } from "./optimizer_config.ts";
import { type Parameter, parametersOf } from "./parameters.ts";
import { randomSequence } from "./random.ts";
import { checkRecipe, recipeOf } from "./recipe.ts";
import { learningRateAt } from "./schedule.ts";
import { takeStep } from "./take_step.ts";
import { rankCheckpoint, removeCheckpoints } from "./top_checkpoints.ts";
import { TrainingLog } from "./training_log.ts";
import { planTraining, type TrainingPlan } from "./training_plan.ts";
import {
  readTrainingProgress,
  removeTrainingState,
  restoreTensors,
  saveTrainingState,
  type TrainingProgress,
} from "./training_state.ts";

/**
 * Fine-tunes a classifier, in place, as FusionBench's
 * `ImageClassificationFineTuning`.
 *
 * With a `log_dir` it may be killed at any moment: called again with the same
 * model and options it goes on, to the same weights as if it had not been
 * stopped (on a backend that computes the same twice, as wasm and cpu do).
 *
 * @param model A classifier whose head has the data set's classes.
 * @throws {ConfigError} If an option is wrong, or `log_dir` holds another
 * training.
 * @throws {DatasetError} If there is no image, or a label is outside the head.
 * @throws {MethodError} If the loss is no longer a number.
 */
export async function fineTune(
  model: tf.LayersModel,
  options: FineTuneOptions,
): Promise<FineTuneResult> {
  const seed = options.seed ?? 0;
  const classes = numLabels(configOf(model));
  const indices = usedImages(options, seed);
  const train = new Examples(options.train, options.processor, {
    classes,
    seed,
    randomCrop: options.random_crop,
    randomFlip: options.random_flip,
    ...(indices ? { indices } : {}),
  });
  const val = options.val &&
    new Examples(options.val, options.processor, { classes });
  const plan = planTraining(options, train.length);
  const parameters = parametersOf(model);
  const optimizer = new Optimizer(updateRule(plan.optimizer), parameters, {
    layerDecay: options.layer_decay ?? 1,
  });
  try {
    const run = new Run(
      model,
      options,
      plan,
      train,
      val,
      parameters,
      optimizer,
    );
    return await run.finish();
  } finally {
    optimizer.dispose();
  }
}

/** Places of the images that `training_data_ratio` leaves. */
function usedImages(
  { train, training_data_ratio: ratio }: FineTuneOptions,
  seed: number,
): Uint32Array | undefined {
  if (ratio === null || ratio === undefined || ratio === 1) return undefined;
  if (!(ratio > 0 && ratio < 1)) {
    throw new ConfigError(
      `training_data_ratio: found ${ratio}, expected a number above 0 and up to 1`,
    );
  }
  return randomPermutation(train.length, seed)
    .slice(0, Math.max(1, Math.floor(ratio * train.length)));
}

function made(folder: string): MadeFolder {
  try {
    return makeFolder(folder);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

type Batches = (() => TrainingBatch)[];

/** One training, from where it begins or goes on to its end. */
class Run {
  #step = 0;
  #savedStep = -1;
  #checkpoints: TrainingProgress["checkpoints"] = [];
  #log: TrainingLog | undefined;
  readonly #recipe: Record<string, unknown>;

  constructor(
    readonly model: tf.LayersModel,
    readonly options: FineTuneOptions,
    readonly plan: TrainingPlan,
    readonly train: Examples,
    readonly val: Examples | undefined,
    readonly parameters: readonly Parameter[],
    readonly optimizer: Optimizer,
  ) {
    this.#recipe = recipeOf(options);
  }

  async finish(): Promise<FineTuneResult> {
    const { log_dir } = this.options;
    const folder = log_dir === undefined ? undefined : made(log_dir);
    try {
      if (log_dir !== undefined) await this.#begin(log_dir);
      return await this.#trainToEnd();
    } catch (error) {
      folder?.takeBack();
      throw error;
    } finally {
      this.#log?.close();
    }
  }

  /** Goes on where a run was stopped, if there is one. */
  async #begin(folder: string): Promise<void> {
    const { resume = true } = this.options;
    const progress = resume ? await readTrainingProgress(folder) : undefined;
    if (progress) {
      checkRecipe(progress.recipe, this.#recipe, folder);
      await restoreTensors(folder, progress, this.parameters, this.optimizer);
      this.#step = progress.step;
      this.#checkpoints = progress.checkpoints;
    } else {
      removeTrainingState(folder);
    }
    this.#log = new TrainingLog(folder, progress);
  }

  async #trainToEnd(): Promise<FineTuneResult> {
    const { steps, stateEvery } = this.plan;
    let report: StepReport | undefined;
    let next: Promise<Batches> | undefined = this.#readBatches(this.#step);
    while (this.#step < steps) {
      const batches: Batches = await next!;
      next = this.#step + 1 < steps
        ? this.#readBatches(this.#step + 1)
        : undefined;
      // It throws where it is awaited.
      next?.catch(() => {});
      report = await this.#trainStep(batches);
      if (this.#step % stateEvery === 0 || this.#step === steps) {
        await this.#saveState();
      }
    }
    const validation = report?.validation ?? await this.#validate();
    return {
      steps: this.#step,
      checkpoints: this.#checkpoints,
      ...(report ? { loss: report.loss } : {}),
      ...(validation ? { validation } : {}),
    };
  }

  #readBatches(step: number): Promise<Batches> {
    if (step >= this.plan.steps) return Promise.resolve([]);
    const { order } = this.plan;
    const epoch = order.epochOf(step);
    return Promise.all(
      order.batches(step).map((batch) => this.train.read(batch, epoch)),
    );
  }

  async #trainStep(batches: Batches): Promise<StepReport> {
    const { plan, options } = this;
    const step = this.#step;
    const epoch = plan.order.epochOf(step);
    const learningRate = learningRateAt(
      plan.optimizer.lr,
      step,
      epoch,
      plan.schedule,
    );
    const frozen = step < (options.head_steps ?? 0)
      ? "backbone"
      : options.freeze;
    const { loss, gradientNorm } = await takeStep(
      this.model,
      this.optimizer,
      this.parameters.filter(({ part }) => part !== frozen),
      batches,
      {
        learningRate,
        labelSmoothing: options.label_smoothing ?? 0,
        clip: options.gradient_clip_val ?? undefined,
        random: randomSequence(plan.seed, "depth", step),
      },
    );
    this.#step++;
    if (!Number.isFinite(loss)) {
      throw new MethodError(
        `the loss is ${loss} in step ${this.#step}, expected a number: try lr below ${plan.optimizer.lr}, warmup_steps or gradient_clip_val`,
      );
    }
    const due = this.#step % plan.validateEvery === 0 ||
      this.#step === plan.steps;
    const validation = due ? await this.#validate() : undefined;
    const report: StepReport = {
      step: this.#step,
      steps: plan.steps,
      epoch,
      learningRate,
      loss,
      gradientNorm,
      ...(validation ? { validation } : {}),
    };
    this.#log?.add(report);
    if (this.#step % plan.saveEvery === 0) await this.#saveCheckpoint(report);
    options.onStep?.(report);
    return report;
  }

  async #validate(): Promise<Validation | undefined> {
    if (!this.val) return undefined;
    return await evaluateExamples(this.model, this.val, this.plan.batchSize);
  }

  /** Saves the model if it is one of the best k. */
  async #saveCheckpoint(report: StepReport): Promise<void> {
    const { log_dir: folder, save_top_k: keep = 0, saveModel } = this.options;
    if (folder === undefined || keep === 0 || !saveModel) return;
    const validation = report.validation ?? await this.#validate();
    const { kept, removed } = rankCheckpoint(this.#checkpoints, {
      step: report.step,
      folder: `checkpoints/step=${String(report.step).padStart(8, "0")}`,
      score: validation ? validation.accuracy : -report.loss,
    }, keep);
    const saved = kept.find(({ step }) => step === report.step);
    if (saved) await saveModel(this.model, join(folder, saved.folder));
    this.#checkpoints = kept;
    removeCheckpoints(folder, removed);
    // What is on the disk and what the state tells of must not part.
    await this.#saveState();
  }

  async #saveState(): Promise<void> {
    const { log_dir: folder } = this.options;
    if (folder === undefined || !this.#log) return;
    if (this.#savedStep === this.#step) return;
    this.#savedStep = this.#step;
    await saveTrainingState(
      folder,
      {
        recipe: this.#recipe,
        step: this.#step,
        optimizerSteps: this.optimizer.steps,
        checkpoints: this.#checkpoints,
        ...this.#log.position(),
      },
      this.parameters,
      this.optimizer,
    );
  }
}

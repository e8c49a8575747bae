import { ConfigError } from "../fusion_error.ts";
import { BatchOrder } from "./batch_order.ts";
import type { FineTuneOptions } from "./fine_tune_options.ts";
import { type OptimizerConfig, parseOptimizer } from "./optimizer_config.ts";
import type { ScheduleOptions } from "./schedule.ts";
import { parseSchedule } from "./schedule_config.ts";

/** A training's options, checked, with everything counted in steps. */
export interface TrainingPlan {
  /** The optimiser, with its learning rate. */
  optimizer: OptimizerConfig & { lr: number };
  /** How the learning rate goes. */
  schedule: ScheduleOptions;
  /** Which images each step sees. */
  order: BatchOrder;
  /** Steps to be taken. */
  steps: number;
  /** Images that are computed at once. */
  batchSize: number;
  /** Steps between validations. */
  validateEvery: number;
  /** Steps between saved models. */
  saveEvery: number;
  /** Steps between saved states. */
  stateEvery: number;
  /** What order and augmentation follow from. */
  seed: number;
}

/**
 * Checks a training's options.
 *
 * @param options As the user gives them.
 * @param images Number of training images.
 * @throws {ConfigError} If one is wrong; names it.
 */
export function planTraining(
  options: FineTuneOptions,
  images: number,
): TrainingPlan {
  const optimizer = parseOptimizer(options.optimizer);
  const batchSize = whole("batch_size", options.batch_size ?? 64, 1);
  const accumulate = whole(
    "accumulate_grad_batches",
    options.accumulate_grad_batches ?? 1,
    1,
  );
  const warmupSteps = whole("warmup_steps", options.warmup_steps ?? 0, 0);
  whole("head_steps", options.head_steps ?? 0, 0);
  whole("random_crop", options.random_crop ?? 0, 0);
  whole("save_top_k", options.save_top_k ?? 0, -1);
  within("label_smoothing", options.label_smoothing ?? 0, 0, 1);
  within("layer_decay", options.layer_decay ?? 1, Number.MIN_VALUE, 1);
  within("gradient_clip_val", options.gradient_clip_val ?? 1, 1e-30, Infinity);
  const seed = whole("seed", options.seed ?? 0, -(2 ** 31));
  const order = new BatchOrder(images, batchSize, accumulate, seed);
  const maxEpochs = lengthIn("max_epochs", options.max_epochs);
  const maxSteps = lengthIn("max_steps", options.max_steps);
  if (maxEpochs !== undefined && maxSteps !== undefined) {
    throw new ConfigError(
      `max_steps: found ${maxSteps} beside max_epochs=${maxEpochs}, expected one of them`,
    );
  }
  const interval = maxEpochs === undefined ? "step" : "epoch";
  const length = maxEpochs ?? maxSteps;
  if (length === undefined) {
    throw new ConfigError(
      "max_steps: found none, and no max_epochs, expected one of them above 0",
    );
  }
  const unit = interval === "epoch" ? order.stepsPerEpoch : 1;
  const every = (name: "val_interval" | "save_interval", fallback: number) => {
    const given = options[name];
    return given === null || given === undefined
      ? fallback
      : unit * whole(name, given, 1);
  };
  const steps = length * unit;
  return {
    optimizer,
    schedule: parseSchedule(options.lr_scheduler, {
      steps,
      epochs: Math.ceil(steps / order.stepsPerEpoch),
      interval,
      warmupSteps,
    }),
    order,
    steps,
    batchSize,
    validateEvery: every("val_interval", order.stepsPerEpoch),
    saveEvery: every("save_interval", unit),
    stateEvery: whole("state_interval", options.state_interval ?? 50, 1),
    seed,
  };
}

/** As in FusionBench and transformers, a length of -1 (or `null`) is none. */
function lengthIn(
  name: "max_epochs" | "max_steps",
  value: number | null | undefined,
): number | undefined {
  if (value === null || value === undefined || value === -1) return undefined;
  if (Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(
    `${name}: found ${value}, expected a whole number above 0, or -1 for none`,
  );
}

function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new ConfigError(
    `${name}: found ${value}, expected a whole number of at least ${least}`,
  );
}

function within(
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (value >= least && value <= most) return;
  throw new ConfigError(
    `${name}: found ${value}, expected ${
      least < 1e-9 && least > 0 ? "a number above 0" : `a number from ${least}`
    }${most === Infinity ? "" : ` to ${most}`}`,
  );
}

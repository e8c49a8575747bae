import * as z from "zod";
import { ConfigError } from "../fusion_error.ts";
import { wrong } from "./optimizer_config.ts";
import type { ScheduleOptions } from "./schedule.ts";

const count = z.number().positive();
const schema = z.strictObject({
  name: z.enum(["constant", "cosine", "step"]),
  interval: z.enum(["epoch", "step"]).optional(),
  T_max: count.optional(),
  eta_min: z.number().nonnegative().optional(),
  step_size: count.optional(),
  gamma: z.number().positive().optional(),
});

/** Names of curves: short ones, and PyTorch's classes in lower case. */
const NAMES: Readonly<Record<string, "constant" | "cosine" | "step">> = {
  constant: "constant",
  constantlr: "constant",
  cosine: "cosine",
  cosineannealinglr: "cosine",
  step: "step",
  steplr: "step",
};

/** How long a training is, in what a schedule may count. */
export interface TrainingLength {
  /** Optimiser steps. */
  steps: number;
  /** Epochs. */
  epochs: number;
  /** Which of them the user set the length in. */
  interval: "epoch" | "step";
  /** Steps of linear warm-up before the schedule. */
  warmupSteps: number;
}

/**
 * Checks a learning-rate schedule: `{name: cosine}`, or FusionBench's
 * `{_target_: torch.optim.lr_scheduler.CosineAnnealingLR, T_max: 10}`. A cosine
 * ends with the training, and `step` has three levels, where nothing else is
 * said.
 *
 * @param config What was found; `null` is a constant.
 * @param length How long the training is; counted in the same by default.
 * @throws {ConfigError} If it is unknown, or an option is wrong; names it.
 */
export function parseSchedule(
  config: Readonly<Record<string, unknown>> | null | undefined,
  length: TrainingLength,
): ScheduleOptions {
  const where = "lr_scheduler";
  const { _target_, ...rest } = config ?? { name: "constant" };
  const given = String(rest["name"] ?? _target_);
  const name = NAMES[given.slice(given.lastIndexOf(".") + 1).toLowerCase()];
  if (name === undefined) {
    throw new ConfigError(
      `${where}: found ${given}, expected constant, cosine or step`,
    );
  }
  const options = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== null),
  );
  const result = schema.safeParse({ ...options, name });
  if (!result.success) throw wrong(result.error, options, where);
  const interval = result.data.interval ?? length.interval;
  const total = interval === "epoch"
    ? length.epochs
    : Math.max(1, length.steps - length.warmupSteps);
  return {
    ...result.data,
    interval,
    T_max: result.data.T_max ?? total,
    step_size: result.data.step_size ?? Math.max(1, Math.floor(total / 3)),
    warmup_steps: length.warmupSteps,
  };
}

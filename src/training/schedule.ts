/** How the learning rate goes over a training. */
export interface ScheduleOptions {
  /** Its curve after the warm-up. @default {"constant"} */
  name?: "constant" | "cosine" | "step" | undefined;
  /** What it is counted in. @default {"step"} */
  interval?: "epoch" | "step" | undefined;
  /** Where a cosine ends, counted in `interval`. */
  T_max?: number | undefined;
  /** The rate at the end of a cosine. @default {0} */
  eta_min?: number | undefined;
  /** How long each level of `step` lasts, counted in `interval`. */
  step_size?: number | undefined;
  /** What each level of `step` multiplies the rate by. @default {0.1} */
  gamma?: number | undefined;
  /** Steps over which the rate rises in a line. @default {0} */
  warmup_steps?: number | undefined;
}

/**
 * The learning rate of a step: PyTorch's `CosineAnnealingLR`, `StepLR` or a
 * constant, after `LinearLR` from `1 / warmup_steps` of the base rate. Counted
 * in steps, the curve begins when the warm-up ends, as with `SequentialLR`;
 * counted in epochs, it is as long as it is without one.
 *
 * @param base The optimiser's learning rate.
 * @param step The step, from 0.
 * @param epoch The step's epoch, from 0.
 */
export function learningRateAt(
  base: number,
  step: number,
  epoch: number,
  options: ScheduleOptions = {},
): number {
  const { name = "constant", interval = "step", warmup_steps = 0 } = options;
  if (step < warmup_steps) return base * (step + 1) / warmup_steps;
  const at = interval === "epoch" ? epoch : step - warmup_steps;
  if (name === "cosine") {
    const { T_max = 1, eta_min = 0 } = options;
    return eta_min +
      (base - eta_min) * (1 + Math.cos(Math.PI * at / T_max)) / 2;
  }
  if (name === "step") {
    const { step_size = 1, gamma = 0.1 } = options;
    return base * gamma ** Math.floor(at / step_size);
  }
  return base;
}

import base from "../dare/task_arithmetic.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `dare/task_arithmetic`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  0.1,
  {
    scaling_factor: 0.3,
    sparsity_ratio: 0.5,
    only_on_linear_weights: false,
    rescale: true,
  },
);
export default method;

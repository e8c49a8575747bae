import base from "../task_singular_vector/TaskSingularVectorMerging.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `task_singular_vector/TaskSingularVectorMerging`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  1,
  { alpha: 1 },
);
export default method;

import base from "../ties_merging.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `ties_merging`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  0.1,
  { scaling_factor: 0.3, threshold: 20, merge_func: "sum" },
);
export default method;

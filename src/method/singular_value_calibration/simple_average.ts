import base from "../simple_average.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `simple_average`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  0.1,
  {},
);
export default method;

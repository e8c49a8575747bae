import base from "../wudi/wudi.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `wudi/wudi`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  1,
  { iter_num: 400 },
);
export default method;

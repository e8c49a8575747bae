import base from "../isotropic_merging/iso_c.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `isotropic_merging/iso_c`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  0.1,
  { scaling_factor: 1.5 },
);
export default method;

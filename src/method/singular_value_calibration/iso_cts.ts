import base from "../isotropic_merging/iso_cts.ts";
import type { MergeMethod } from "../../merge/mod.ts";
import { calibrated, type CalibrationParameters } from "./calibrate.ts";

/** Singular value calibration around `isotropic_merging/iso_cts`. */
const method: MergeMethod<CalibrationParameters> = calibrated(
  base as never,
  0.2,
  { scaling_factor: 1.5, common_space_fraction: 0.8 },
);
export default method;

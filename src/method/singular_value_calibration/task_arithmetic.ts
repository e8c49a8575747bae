import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";
import base from "../task_arithmetic.ts";
import { calibrated } from "./calibrate.ts";

interface Parameters {
  /** What task vectors are multiplied by. */
  scaling_factor: NumberParameter;
  /** Least coefficient that a task counts with. */
  alpha: NumberParameter;
  /** Ignored: the backend's device is used. */
  accelerator: null;
}

const calibration = calibrated(base as never, 0.1);

/** Singular value calibration around `task_arithmetic`. */
const method: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(0.3),
    alpha: numberParameter().default(0.1),
    accelerator: z.null().default(null),
  }),
  merge(input, { scaling_factor, ...rest }) {
    const parameters = { ...rest, base_method: { scaling_factor } };
    return calibration.merge(input, parameters, undefined);
  },
};
export default method;

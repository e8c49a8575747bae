import * as z from "zod";
import {
  elementMethod,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** 0 gives the first model, 1 the second. */
  t: NumberParameter;
}

/**
 * Linear interpolation of two models: (1 - t) * first + t * second.
 *
 * https://arxiv.org/abs/1912.05671
 *
 * The two are the pool's experts; a `_pretrained_` beside them is not looked
 * at. (FusionBench counts it among the two, but compares a list with 2 and
 * never runs.)
 */
const linearInterpolation: MergeMethod<Parameters> = elementMethod({
  pretrained: "unused",
  propagatesNonfinite: true,
  minimumModels: 2,
  maximumModels: 2,
  parameters: z.strictObject({
    t: numberParameter({ minimum: 0, maximum: 1, perModel: false }).default(
      0.5,
    ),
  }),
  plan({ number }, { t }) {
    const share = number(t);
    return { kind: "sum", ofTaskVectors: false, weights: [1 - share, share] };
  },
});
export default linearInterpolation;

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** How far beyond the expert, as a share of its task vector. */
  extrapolation_factor: NumberParameter;
}

/**
 * ExPO: goes on in the direction from the pretrained to the fine-tuned weights,
 * expert + extrapolation_factor * (expert - pretrained). Several experts are
 * averaged first.
 *
 * https://arxiv.org/abs/2404.16792
 */
const expo: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  propagatesNonfinite: true,
  parameters: z.strictObject({
    extrapolation_factor: numberParameter({ perModel: false }).default(0.1),
  }),
  merge({ pretrained, models, number }, { extrapolation_factor }) {
    const expert = models.length === 1
      ? models[0]!
      : tf.div(tf.addN([...models]), models.length);
    return tf.add(
      expert,
      tf.mul(tf.sub(expert, pretrained), number(extrapolation_factor)),
    );
  },
};
export default expo;

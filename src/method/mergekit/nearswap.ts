import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** Difference up to which the expert's value is taken whole. */
  t: NumberParameter;
}

/**
 * NearSwap: goes from the pretrained weights to the expert's where the two are
 * close. The expert's share is t / |expert - pretrained|, at most 1.
 *
 * https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001
 *
 * mergekit's `t` has no default; here it is the 0.0001 of that model.
 */
const nearswap: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  maximumModels: 1,
  parameters: z.strictObject({
    t: numberParameter({ minimum: 0, perModel: false }).default(0.0001),
  }),
  merge({ pretrained, models, number }, { t }) {
    // share * delta, the share at most 1, is the delta clipped at t. mergekit
    // takes no difference for smaller than 1e-6; for t below that, the share
    // is small already there.
    const limit = number(t);
    const delta = tf.sub(models[0]!, pretrained);
    const clipped = tf.clipByValue(delta, -limit, limit);
    if (limit >= 1e-6) return tf.add(pretrained, clipped);
    return tf.add(
      pretrained,
      tf.where(
        tf.less(tf.abs(delta), 1e-6),
        tf.mul(delta, limit / 1e-6),
        clipped,
      ),
    );
  },
};
export default nearswap;

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** What the selected task vector is multiplied by. */
  scaling_factor: NumberParameter;
  /** FusionBench's own; the merge is the same with and without. */
  inplace: boolean;
}

/**
 * MagMax: of all task vectors, each element takes the value of largest
 * magnitude; times `scaling_factor`, it is added to the pretrained weights. Of
 * equal magnitudes the later model's counts, as in FusionBench.
 *
 * https://arxiv.org/abs/2407.06322
 */
const magmax: MergeMethod<Parameters> = {
  granularity: "element",
  pretrained: "needed",
  parameters: z.strictObject({
    scaling_factor: numberParameter({ perModel: false }).default(0.5),
    inplace: z.boolean().default(true),
  }),
  merge({ pretrained, models, number }, { scaling_factor }) {
    const largest = models
      .map((model) => tf.sub(model, pretrained))
      .reduce((best, delta) =>
        tf.where(tf.greaterEqual(tf.abs(delta), tf.abs(best)), delta, best)
      );
    return tf.add(pretrained, tf.mul(largest, number(scaling_factor)));
  },
};
export default magmax;

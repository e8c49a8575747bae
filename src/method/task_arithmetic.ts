import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../merge/mod.ts";

interface Parameters {
  /** What task vectors are multiplied by. */
  scaling_factor: NumberParameter;
}

/**
 * Task arithmetic: pretrained + scaling_factor * sum of task vectors.
 *
 * https://arxiv.org/abs/2212.04089
 */
const taskArithmetic: MergeMethod<Parameters> = {
  granularity: "element",
  propagatesNonfinite: true,
  pretrained: "needed",
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(0.3),
  }),
  merge({ pretrained, models, modelNames, number }, { scaling_factor }) {
    const scaled = models.map((model, i) =>
      tf.mul(tf.sub(model, pretrained), number(scaling_factor, modelNames[i]))
    );
    return tf.addN([pretrained, ...scaled]);
  },
};
export default taskArithmetic;

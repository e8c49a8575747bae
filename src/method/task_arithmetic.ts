import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { MergeMethod } from "../merge/mod.ts";

interface Parameters {
  /** What the sum of task vectors is multiplied by. */
  scaling_factor: number;
}

/**
 * Task arithmetic: pretrained + scaling_factor * sum of task vectors.
 *
 * https://arxiv.org/abs/2212.04089
 */
const taskArithmetic: MergeMethod<Parameters> = {
  granularity: "element",
  needsPretrained: true,
  parameters: z.strictObject({ scaling_factor: z.number().default(0.3) }),
  merge({ pretrained, models }, { scaling_factor }) {
    const taskVectors = models.map((model) => tf.sub(model, pretrained));
    return tf.add(pretrained, tf.mul(tf.addN(taskVectors), scaling_factor));
  },
};
export default taskArithmetic;

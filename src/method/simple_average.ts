import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { MergeMethod } from "../merge/mod.ts";

/**
 * Simple average (model soup): the mean of the experts' weights.
 *
 * https://arxiv.org/abs/2203.05482
 */
const simpleAverage: MergeMethod<Record<string, never>> = {
  granularity: "element",
  propagatesNonfinite: true,
  pretrained: "unused",
  parameters: z.strictObject({}),
  merge({ models }) {
    return tf.div(tf.addN([...models]), models.length);
  },
};
export default simpleAverage;

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { MergeMethod } from "../../merge/mod.ts";
import {
  type DareParameters,
  dareParameters,
  prunedTaskVectors,
} from "./task_arithmetic.ts";

/**
 * DARE with a simple average: `dare/task_arithmetic` with one over the number
 * of models as its scaling factor.
 *
 * https://arxiv.org/abs/2311.03099
 */
const dareSimpleAverage: MergeMethod<DareParameters> = {
  granularity: "element",
  pretrained: "needed",
  propagatesNonfinite: true,
  parameters: z.strictObject(dareParameters),
  merge(input, parameters) {
    const sum = tf.addN(prunedTaskVectors(input, parameters));
    return tf.add(input.pretrained, tf.div(sum, input.models.length));
  },
};
export default dareSimpleAverage;

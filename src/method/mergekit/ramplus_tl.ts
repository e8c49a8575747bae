import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";
import { sharedChanges } from "./ram.ts";

interface Parameters {
  /** How much a model's own changes grow with its share of common ones. */
  r: NumberParameter;
  /** Largest share that counts. */
  alpha: NumberParameter;
  /** Changes up to this size count as none. */
  epsilon: NumberParameter;
}

/**
 * RAM+ (tensor-local): as `mergekit/ram`, but what a model alone changes in a
 * tensor is multiplied by 1 + r * min(shared / unique, alpha), by how many of
 * its changes there it shares with others: the mean has weakened those.
 *
 * https://arxiv.org/abs/2601.13572
 */
const ramPlus: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  parameters: z.strictObject({
    r: numberParameter().default(0.1),
    alpha: numberParameter({ minimum: 0 }).default(0.2),
    epsilon: numberParameter({ minimum: 0 }).default(1e-5),
  }),
  merge(input, { r, alpha, epsilon }) {
    const { pretrained, modelNames, number } = input;
    const { unique, shared, sharedMean } = sharedChanges(input, epsilon);
    const count = (changes: tf.Tensor): tf.Tensor =>
      tf.sum(tf.cast(tf.notEqual(changes, 0), "float32"));
    const strengthened = unique.map((own, i) => {
      const model = modelNames[i];
      const share = tf.div(count(shared[i]!), tf.maximum(count(own), 1));
      const capped = tf.minimum(share, number(alpha, model));
      return tf.mul(own, tf.add(tf.mul(capped, number(r, model)), 1));
    });
    return tf.addN([pretrained, ...strengthened, sharedMean]);
  },
};
export default ramPlus;

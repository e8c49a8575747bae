import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  frobeniusNorm,
  innerProduct,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
} from "../../merge/mod.ts";

interface Parameters {
  /** 0 gives the first model, 1 the second. */
  t: NumberParameter;
  /** Cosine above which two tensors count as parallel. */
  DOT_THRESHOLD: number;
  /** Norm below which a tensor is not normalised. */
  epsilon: number;
}

/**
 * Spherical linear interpolation of two models, tensor by tensor: with theta
 * the angle between the flattened tensors,
 * (sin((1 - t) theta) first + sin(t theta) second) / sin(theta);
 * linear interpolation where they are nearly parallel.
 *
 * https://en.wikipedia.org/wiki/Slerp
 *
 * As in FusionBench, the weights themselves are interpolated, not task
 * vectors. FusionBench counts `_pretrained_` as one of the two; here a pool
 * may have it besides, and it is not used.
 */
const slerp: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "unused",
  readsValues: true,
  minimumModels: 2,
  maximumModels: 2,
  parameters: z.strictObject({
    t: numberParameter({ minimum: 0, maximum: 1, perModel: false }).default(
      0.5,
    ),
    DOT_THRESHOLD: z.number().min(0).max(1).default(0.9995),
    epsilon: z.number().min(0).default(1e-8),
  }),
  merge({ models, number }, { t, DOT_THRESHOLD, epsilon }) {
    const [first, second] = models as [tf.Tensor, tf.Tensor];
    const share = number(t);
    const norm = (tensor: tf.Tensor): number => {
      const found = frobeniusNorm(tensor);
      return found > epsilon ? found : 1;
    };
    const cosine = innerProduct(first, second) / (norm(first) * norm(second));
    if (Math.abs(cosine) > DOT_THRESHOLD) {
      return tf.add(tf.mul(first, 1 - share), tf.mul(second, share));
    }
    const theta = Math.acos(cosine);
    return tf.add(
      tf.mul(first, Math.sin(theta - theta * share) / Math.sin(theta)),
      tf.mul(second, Math.sin(theta * share) / Math.sin(theta)),
    );
  },
};
export default slerp;

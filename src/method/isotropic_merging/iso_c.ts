import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { sumOfDifferences } from "../../backend/mod.ts";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  polarFactor,
} from "../../merge/mod.ts";

interface Parameters {
  /** What the merged task vector is multiplied by. */
  scaling_factor: NumberParameter;
  /** Matrices that are averaged instead, by Hugging Face name. */
  exclude_keys: string[] | null;
}

/**
 * Isotropic merging in the common subspace (Iso-C): the sum of the task
 * matrices with all its singular values replaced by their mean. Tensors that
 * are not matrices, so also the depthwise kernels, have their task vectors
 * averaged.
 *
 * https://arxiv.org/abs/2502.04959
 *
 * With a rank-deficient sum, the directions that stand for its null space are
 * as arbitrary as in FusionBench, and not the same ones.
 */
const isoC: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    scaling_factor: numberParameter({ perModel: false }).default(1),
    exclude_keys: z.array(z.string()).nullable().default(null),
  }),
  merge(
    { name, shape, pretrained, models, number },
    { scaling_factor, exclude_keys },
  ) {
    const scale = number(scaling_factor);
    const sum = sumOfDifferences(models, pretrained);
    if (shape.length !== 2 || exclude_keys?.includes(name)) {
      return tf.add(pretrained, tf.mul(sum, scale / models.length));
    }
    const { factor, nuclearNorm } = polarFactor(sum as tf.Tensor2D);
    const mean = nuclearNorm / Math.min(shape[0]!, shape[1]!);
    return tf.add(pretrained, tf.mul(factor, scale * mean));
  },
};
export default isoC;

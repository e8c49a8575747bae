import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  polarFactor,
  svd,
  transposedTimes,
} from "../../merge/mod.ts";

interface Parameters {
  /** What the merged task vector is multiplied by. */
  scaling_factor: NumberParameter;
  /** Share of the singular directions that all tasks have in common. */
  common_space_fraction: NumberParameter;
  /** Matrices that are averaged instead, by Hugging Face name. */
  exclude_keys: string[] | null;
}

/**
 * Isotropic merging in common and task-specific subspaces (Iso-CTS): the top
 * singular directions of the summed task matrices, and for each task the top
 * directions of what those leave of its matrix; made orthonormal together, all
 * with the mean of their singular values. Tensors that are not matrices have
 * their task vectors averaged.
 *
 * https://arxiv.org/abs/2502.04959
 */
const isoCts: MergeMethod<Parameters> = {
  granularity: "tensor",
  needsPretrained: true,
  parameters: z.strictObject({
    scaling_factor: numberParameter().default(1),
    common_space_fraction: numberParameter({ minimum: 0, maximum: 1 })
      .default(0.8),
    exclude_keys: z.array(z.string()).nullable().default(null),
  }),
  merge(
    { name, shape, pretrained, models, number },
    { scaling_factor, common_space_fraction, exclude_keys },
  ) {
    const scale = number(scaling_factor);
    const vectors = models.map((model) => tf.sub(model, pretrained));
    const sum = tf.addN(vectors);
    if (shape.length !== 2 || exclude_keys?.includes(name)) {
      return tf.add(pretrained, tf.mul(sum, scale / models.length));
    }
    const rank = Math.min(shape[0]!, shape[1]!);
    const ownRank = ownDirections(
      rank,
      models.length,
      number(common_space_fraction),
    );
    const common = leading(sum as tf.Tensor2D, rank - ownRank * models.length);
    // No part may be empty: the wasm backend refuses to multiply those.
    const own = (ownRank > 0 ? vectors : []).map((vector) => {
      if (common.s.size === 0) return leading(vector as tf.Tensor2D, ownRank);
      const shared = tf.matMul(
        common.u,
        transposedTimes(common.u, vector as tf.Tensor2D),
      );
      return leading(tf.sub(vector, shared), ownRank);
    });
    const parts = [...own, common].filter(({ s }) => s.size > 0);
    const mean = tf.mean(tf.concat(parts.map(({ s }) => s)));
    const u = polarFactor(tf.concat(parts.map(({ u }) => u), 1)).factor;
    const vt = polarFactor(tf.concat(parts.map(({ vt }) => vt), 0)).factor;
    return tf.add(
      pretrained,
      tf.mul(tf.matMul(u, vt), tf.mul(mean, scale)),
    );
  },
};
export default isoCts;

/** Directions of each task: what is not common, divided evenly. */
function ownDirections(rank: number, tasks: number, common: number): number {
  return Math.min(
    roundHalfToEven((rank - Math.trunc(rank * common)) / tasks),
    Math.floor(rank / tasks),
  );
}

/** As Python's `round`. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The first directions of a matrix's singular value decomposition. */
function leading(matrix: tf.Tensor2D, count: number): {
  u: tf.Tensor2D;
  s: tf.Tensor1D;
  vt: tf.Tensor2D;
} {
  const { u, s, vt } = svd(matrix);
  return {
    u: tf.slice(u, [0, 0], [-1, count]),
    s: tf.slice(s, 0, count),
    vt: tf.slice(vt, 0, count),
  };
}

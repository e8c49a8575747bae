import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  leadingDirections,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  polarFactor,
  type Svd,
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
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    scaling_factor: numberParameter({ perModel: false }).default(1),
    common_space_fraction: numberParameter({
      minimum: 0,
      maximum: 1,
      perModel: false,
    })
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
    const common = leading(
      [sum as tf.Tensor2D],
      rank - ownRank * models.length,
    );
    const others = vectors.map((vector) =>
      common.length === 0 ? vector : tf.sub(
        vector,
        tf.matMul(
          common[0]!.u,
          transposedTimes(common[0]!.u, vector as tf.Tensor2D),
        ),
      )
    );
    const parts = [...leading(others as tf.Tensor2D[], ownRank), ...common];
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

/** None where none are asked for: wasm refuses to multiply empty tensors. */
function leading(matrices: readonly tf.Tensor2D[], count: number): Svd[] {
  return count > 0
    ? leadingDirections(
      matrices.map((matrix) => () => matrix),
      matrices[0]!.shape,
      count,
    )
    : [];
}

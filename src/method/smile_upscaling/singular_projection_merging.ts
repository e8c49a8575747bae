import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  isLinearWeight,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  svd,
  timesTransposed,
  transposedTimes,
} from "../../merge/mod.ts";

interface Parameters {
  /**
   * Singular directions of the pretrained matrix that separate `low` from
   * `high`; negative: as many as hold half of the singular values' sum.
   */
  k: NumberParameter;
  /** Keeps what lies in the first `k` directions, or in the others. */
  rank: "low" | "high";
  /** Counts the null space's directions among the others. */
  full_matrices: boolean;
  /** Ignored: merged models are saved by `merged_model_save_path`. */
  model_path: null;
}

/**
 * Singular projection merging: of one expert's task matrices only what lies in
 * the leading (`low`) or the other (`high`) singular directions of the
 * pretrained matrix, on both sides. Tensors that are not a linear layer's
 * weight are the expert's. It shows where a task's knowledge lies.
 *
 * https://arxiv.org/abs/2408.10174
 *
 * As in FusionBench; a pool of several experts, of which it takes the first,
 * is refused here.
 */
const singularProjectionMerging: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  maximumModels: 1,
  parameters: z.strictObject({
    k: numberParameter().default(128),
    rank: z.enum(["low", "high"]).default("low"),
    full_matrices: z.boolean().default(false),
    model_path: z.null().default(null),
  }),
  merge(input, parameters) {
    const { name, pretrained, models: [expert], modelNames, number } = input;
    if (!isLinearWeight(name)) return tf.clone(expert!);
    const start = pretrained as tf.Tensor2D;
    const change = tf.sub(expert!, start) as tf.Tensor2D;
    const { u, s, vt } = svd(start);
    const rank = Math.min(...start.shape);
    const { rank: which, full_matrices } = parameters;
    const k = Math.round(number(parameters.k, modelNames[0]));
    const count = Math.min(rank, k < 0 ? directionsOfHalf(s) : k);
    /** What of a matrix lies in directions [begin, end) on both sides. */
    const within = (matrix: tf.Tensor2D, begin: number, end: number) => {
      if (begin >= end) return tf.zerosLike(matrix) as tf.Tensor2D;
      const left = tf.slice(u, [0, begin], [-1, end - begin]) as tf.Tensor2D;
      const right = tf.slice(vt, begin, end - begin) as tf.Tensor2D;
      const inner = timesTransposed(transposedTimes(left, matrix), right);
      return tf.matMul(tf.matMul(left, inner), right) as tf.Tensor2D;
    };
    if (which === "low") return tf.add(start, within(change, 0, count));
    if (!full_matrices) return tf.add(start, within(change, count, rank));
    return tf.add(start, outside(change, u, vt, count));
  },
};
export default singularProjectionMerging;

/** What of a matrix lies in none of the first directions, on both sides. */
function outside(
  matrix: tf.Tensor2D,
  u: tf.Tensor2D,
  vt: tf.Tensor2D,
  count: number,
): tf.Tensor2D {
  if (count === 0) return matrix;
  const left = tf.slice(u, [0, 0], [-1, count]) as tf.Tensor2D;
  const right = tf.slice(vt, 0, count) as tf.Tensor2D;
  const rest = tf.sub(
    matrix,
    tf.matMul(left, transposedTimes(left, matrix)),
  ) as tf.Tensor2D;
  return tf.sub(rest, tf.matMul(timesTransposed(rest, right), right));
}

/** How many singular values hold half of their sum. */
function directionsOfHalf(s: tf.Tensor1D): number {
  const values = s.dataSync<"float32">();
  const sum = values.reduce((total, value) => total + value, 0);
  let share = 0;
  for (const [i, value] of values.entries()) {
    share += value;
    if (share >= sum / 2) return i + 1;
  }
  return values.length;
}

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  leadingDirections,
  type MatrixMaker,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  polarFactor,
} from "../../merge/mod.ts";

interface Parameters {
  /**
   * Scales the merged task vector. A list of one number a model scales the
   * task vectors before they are merged.
   */
  alpha: NumberParameter | null;
  /** Matrices that are averaged instead, by Hugging Face name. */
  exclude_keys: string[] | null;
  /** Only `false`: a merge gives one model. */
  return_single_task_models: false;
}

/**
 * Task Singular Vectors Merging (TSV-M): of each of T task matrices the top
 * 1/T of the singular directions; the left vectors of all tasks, and the right
 * ones, are each replaced by the nearest orthonormal set; their singular
 * values stay. Tensors that are not matrices have their task vectors averaged.
 *
 * https://arxiv.org/abs/2412.00081
 *
 * As in FusionBench, `alpha` scales everything, and a list of numbers is one
 * for each model, not a gradient over depth; a gradient is written
 * `{ "*": [0.2, 0.6] }`.
 */
const taskSingularVectorMerging: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    alpha: numberParameter({ perModel: false }).nullable().default(1),
    exclude_keys: z.array(z.string()).nullable().default(null),
    return_single_task_models: z.literal(false).default(false),
  }),
  check({ alpha }, modelNames) {
    if (isList(alpha) && alpha.length !== modelNames.length) {
      throw new MethodError(
        `method task_singular_vector/TaskSingularVectorMerging: alpha has ${alpha.length} entries, expected one number, or one for each of the ${modelNames.length} models (${
          modelNames.join(", ")
        })`,
      );
    }
  },
  merge(
    { name, shape, pretrained, models, number },
    { alpha, exclude_keys },
  ) {
    const vectors = models.map((model, i) => () => {
      const vector = tf.sub(model, pretrained);
      return isList(alpha) ? tf.mul(vector, alpha[i]!) : vector;
    });
    const scale = alpha === null || isList(alpha) ? 1 : number(alpha);
    if (shape.length !== 2 || exclude_keys?.includes(name)) {
      const sum = tf.addN(vectors.map((vector) => vector()));
      return tf.add(pretrained, tf.mul(sum, scale / models.length));
    }
    const count = Math.floor(Math.min(shape[0]!, shape[1]!) / models.length);
    if (count === 0) return tf.clone(pretrained);
    const parts = leadingDirections(
      vectors as MatrixMaker[],
      shape as [number, number],
      count,
    );
    const u = polarFactor(tf.concat(parts.map(({ u }) => u), 1)).factor;
    const s = tf.concat(parts.map(({ s }) => s));
    const vt = polarFactor(tf.concat(parts.map(({ vt }) => vt), 0)).factor;
    const merged = tf.matMul(tf.mul(u, s), vt);
    return tf.add(pretrained, tf.mul(merged, scale));
  },
};
export default taskSingularVectorMerging;

function isList(alpha: NumberParameter | null): alpha is readonly number[] {
  return Array.isArray(alpha) && typeof alpha[0] === "number";
}

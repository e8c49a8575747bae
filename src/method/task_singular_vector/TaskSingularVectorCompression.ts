import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import {
  leadingDirections,
  type MergeMethod,
  type NumberParameter,
  numberParameter,
  type Svd,
} from "../../merge/mod.ts";

interface Parameters {
  /** The expert that is given back. */
  task: string;
  /** Share of its singular directions that is kept; `null` is 1 / tasks. */
  sv_reduction: NumberParameter | null;
}

/**
 * Task Singular Vectors Compression (TSV-C): one expert, its task matrices cut
 * to their leading singular directions, so that all of a pool's experts take
 * no more room than one. Tensors that are not matrices stay whole.
 *
 * https://arxiv.org/abs/2412.00081
 *
 * FusionBench has the compression but no method that uses it; the kept share
 * is rounded down, as there.
 */
const compression: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    task: z.string(),
    sv_reduction: numberParameter({ minimum: 0, maximum: 1 }).nullable()
      .default(null),
  }),
  check({ task }, modelNames) {
    if (!modelNames.includes(task)) {
      throw new MethodError(
        `method task_singular_vector/TaskSingularVectorCompression: task is ${task}, expected one of ${
          modelNames.join(", ")
        }`,
      );
    }
  },
  merge(input, { task, sv_reduction }) {
    const { shape, pretrained, models, modelNames, number } = input;
    const model = models[modelNames.indexOf(task)]!;
    if (shape.length !== 2) return tf.clone(model);
    const count = Math.floor(
      Math.min(shape[0]!, shape[1]!) *
        (sv_reduction === null
          ? 1 / models.length
          : number(sv_reduction, task)),
    );
    if (count === 0) return tf.clone(pretrained);
    const vector = tf.sub(model, pretrained) as tf.Tensor2D;
    const [{ u, s, vt }] = leadingDirections(
      [() => vector],
      vector.shape,
      count,
    ) as [Svd];
    const left = tf.mul(u, s) as tf.Tensor2D;
    return tf.add(pretrained, tf.matMul(left, vt));
  },
};
export default compression;

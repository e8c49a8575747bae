import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { MethodError } from "../../fusion_error.ts";
import { type MergeMethod, svd } from "../../merge/mod.ts";

interface Parameters {
  /** The expert that is given back. */
  task: string;
  /** Share of its singular directions that is kept; `null` is 1 / tasks. */
  sv_reduction: number | null;
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
  needsPretrained: true,
  parameters: z.strictObject({
    task: z.string(),
    sv_reduction: z.number().min(0).max(1).nullable().default(null),
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
  merge({ shape, pretrained, models, modelNames }, { task, sv_reduction }) {
    const model = models[modelNames.indexOf(task)]!;
    if (shape.length !== 2) return tf.clone(model);
    const { u, s, vt } = svd(tf.sub(model, pretrained) as tf.Tensor2D);
    const count = Math.floor(s.size * (sv_reduction ?? 1 / models.length));
    if (count === 0) return tf.clone(pretrained);
    const left = tf.mul(
      tf.slice(u, [0, 0], [-1, count]),
      tf.slice(s, 0, count),
    ) as tf.Tensor2D;
    return tf.add(pretrained, tf.matMul(left, tf.slice(vt, 0, count)));
  },
};
export default compression;

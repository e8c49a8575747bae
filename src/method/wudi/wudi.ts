import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  innerProduct,
  type MergeMethod,
  minimize,
  transposedTimes,
} from "../../merge/mod.ts";

interface Parameters {
  /** Steps of Adam. */
  iter_num: number;
  /** Matrices that are averaged instead, by Hugging Face name. */
  exclude_keys: string[] | null;
}

/**
 * WUDI merging: starting from their sum, a merged task matrix M is optimised
 * for the least interference with each task matrix T, the sum over tasks of
 * |(M - T) Tᵀ|² / |T|² (Frobenius norms), by Adam with a step of 1e-5. Tensors
 * that are not matrices have their task vectors averaged.
 *
 * https://arxiv.org/abs/2503.08099
 *
 * The gradient is computed in closed form. As the loss is quadratic, it is
 * that at the start plus the way gone times one matrix for all tasks.
 */
const wudi: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    iter_num: z.int().min(0).default(400),
    exclude_keys: z.array(z.string()).nullable().default(null),
  }),
  merge({ name, shape, pretrained, models }, { iter_num, exclude_keys }) {
    const vectors = models.map((model) =>
      tf.sub(model, pretrained) as tf.Tensor2D
    );
    const sum = tf.addN(vectors);
    if (shape.length !== 2 || exclude_keys?.includes(name)) {
      return tf.add(pretrained, tf.div(sum, models.length));
    }
    // The gradient at M = sum + way is start + way curvature, with
    // curvature = 2 sum TᵀT / |T|² and start = 2 sum (sum - T) TᵀT / |T|².
    let start: tf.Tensor2D = tf.zerosLike(sum);
    let curvature: tf.Tensor2D = tf.zeros([shape[1]!, shape[1]!]);
    for (const vector of vectors) {
      const square = innerProduct(vector, vector);
      if (square === 0) continue; // FusionBench divides by it and gets NaN
      [start, curvature] = tf.tidy(() => {
        const own: tf.Tensor2D = tf.mul(
          transposedTimes(vector, vector),
          2 / square,
        );
        return [
          tf.add(start, tf.matMul(tf.sub(sum, vector), own)),
          tf.add(curvature, own),
        ] as [tf.Tensor2D, tf.Tensor2D];
      });
    }
    const way = minimize(
      shape,
      (point) => tf.add(start, tf.matMul(point as tf.Tensor2D, curvature)),
      { learningRate: 1e-5, steps: iter_num },
    );
    return tf.addN([pretrained, sum, way]);
  },
};
export default wudi;

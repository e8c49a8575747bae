import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  frobeniusNorm,
  innerProduct,
  type MergeMethod,
} from "../../merge/mod.ts";

interface Parameters {
  /** Tensors that are averaged without the formula, by Hugging Face name. */
  ignore_keys: string[] | null;
}

const EPSILON = 1e-8;

/**
 * Model Stock: t * average of the experts + (1 - t) * pretrained, with
 * t = k cos / ((k - 1) cos + 1) for k experts and cos the cosine of the mean
 * angle between their task vectors, tensor by tensor.
 *
 * https://arxiv.org/abs/2403.19522
 *
 * As in FusionBench, the angles of all pairs are averaged (not their cosines,
 * as in mergekit), and each tensor has a t of its own. Where FusionBench lists
 * CLIP's keys in `ignore_keys`, the default here is none.
 */
const modelStock: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  minimumModels: 2,
  parameters: z.strictObject({
    ignore_keys: z.array(z.string()).nullable().default(null),
  }),
  merge({ name, pretrained, models }, { ignore_keys }) {
    const average = tf.div(tf.addN([...models]), models.length);
    if (ignore_keys?.includes(name)) return average;
    const vectors = models.map((model) => tf.sub(model, pretrained));
    const norms = vectors.map(frobeniusNorm);
    let angles = 0;
    let pairs = 0;
    for (let i = 0; i < vectors.length; i++) {
      for (let j = i + 1; j < vectors.length; j++) {
        const cosine = innerProduct(vectors[i]!, vectors[j]!) /
          (norms[i]! * norms[j]! + EPSILON);
        // Rounded to float32 as in FusionBench: of nearly orthogonal task
        // vectors t depends on the angles' last bits.
        angles += Math.fround(Math.acos(Math.fround(clamp(cosine))));
        pairs++;
      }
    }
    const k = models.length;
    const cosine = Math.cos(angles / pairs);
    const ratio = k * cosine / ((k - 1) * cosine + 1 + EPSILON);
    return tf.add(tf.mul(average, ratio), tf.mul(pretrained, 1 - ratio));
  },
};
export default modelStock;

function clamp(cosine: number): number {
  return Math.min(1, Math.max(-1, cosine));
}

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  frobeniusNorm,
  innerProduct,
  type MergeMethod,
} from "../../merge/mod.ts";

interface Parameters {
  /** Most iterations. */
  max_iter: number;
  /** Norm of a step below which the mean has converged. */
  tol: number;
}

/**
 * Karcher mean: of each tensor's directions the point on the sphere with the
 * least sum of squared angles to them, times the mean of their norms. The
 * point moves by the mean of the logarithms of all directions at it, until
 * that is shorter than `tol`.
 *
 * https://en.wikipedia.org/wiki/Karcher_mean
 */
const karcher: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "unused",
  readsValues: true,
  parameters: z.strictObject({
    max_iter: z.int().min(1).default(10),
    tol: z.number().positive().default(1e-5),
  }),
  merge({ models }, { max_iter, tol }) {
    if (models.length === 1) return tf.clone(models[0]!);
    const norms = models.map(frobeniusNorm);
    const units = models.flatMap((model, i) =>
      norms[i]! > tol ? [tf.div(model, norms[i]!)] : []
    );
    if (units.length === 0) return tf.zerosLike(models[0]!);
    const share = 1 / units.length;
    const start = tf.mul(tf.addN(units), share);
    const length = frobeniusNorm(start);
    let point: tf.Tensor = length < tol ? units[0]! : tf.div(start, length);
    for (let round = 0; round < max_iter; round++) {
      const tangent = tf.tidy(() => meanLogarithm(point, units, share, tol));
      const angle = frobeniusNorm(tangent);
      if (angle < tol) break;
      point = tf.tidy(() => {
        const moved = tf.add(
          tf.mul(point, Math.cos(angle)),
          tf.mul(tangent, Math.sin(angle) / angle),
        );
        return tf.div(moved, frobeniusNorm(moved));
      });
    }
    // Norms of zero tensors count, their directions do not.
    const norm = norms.reduce((sum, value) => sum + value, 0) / models.length;
    return tf.mul(point, norm);
  },
};
export default karcher;

/** Mean of the tangent vectors that lead from a point to the units. */
function meanLogarithm(
  point: tf.Tensor,
  units: readonly tf.Tensor[],
  share: number,
  tol: number,
): tf.Tensor {
  const logarithms = units.flatMap((unit) => {
    const cosine = Math.min(1, Math.max(-1, innerProduct(point, unit)));
    const theta = Math.acos(cosine);
    if (theta < tol) return [];
    const across = tf.sub(unit, tf.mul(point, cosine));
    return [tf.mul(across, share * theta / Math.sin(theta))];
  });
  return logarithms.length > 0 ? tf.addN(logarithms) : tf.zerosLike(point);
}

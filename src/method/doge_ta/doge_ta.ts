import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { elementCount } from "../../checkpoint/mod.ts";
import {
  countInPasses,
  frobeniusNorm,
  isLinearWeight,
  kthMagnitudes,
  type MergeMethod,
  minimize,
  type NumberParameter,
  numberParameter,
  resolveNumber,
  svd,
  taskVectorPass,
  transposedTimes,
} from "../../merge/mod.ts";

interface Parameters {
  /** One of so many singular directions spans the shared subspace. */
  subspace: NumberParameter;
  /**
   * Elements that each task vector keeps: a share up to 1, a percentage above.
   * It may differ by model; it is one for all tensors of a model.
   */
  K: NumberParameter;
  /** Norm that each task matrix is scaled to. */
  lamda: NumberParameter;
}

interface Facts {
  /** Smallest magnitude that each model keeps. */
  thresholds: readonly number[];
}

/**
 * DOGE (adaptive projective gradient descent) on task arithmetic: one matrix
 * for all tasks is added to their task matrices and optimised by 400 steps of
 * Adam against the conflicts between them, its gradient freed from the
 * subspace that the tasks share; then each task matrix is trimmed to its
 * largest elements, counted over the whole model, scaled to the norm `lamda`,
 * and all are added up.
 *
 * https://arxiv.org/abs/2501.01230
 *
 * As in FusionBench, only the encoder's linear layers are merged and the rest
 * stays as pretrained. It picks weights by CLIP's names, so on a ConvNeXt it
 * fails at the first LayerNorm.
 */
const dogeTa: MergeMethod<Parameters, Facts> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    subspace: numberParameter({ minimum: 1, perModel: false }).default(6),
    K: numberParameter({ minimum: 0, maximum: 100, perTensor: false }).default(
      30,
    ),
    lamda: numberParameter().default(0.07),
  }),
  async prepare(pool, { K }, context) {
    const except = [...context.targets.keys()].filter((name) =>
      !isLinearWeight(name)
    );
    let size = 0;
    for (const [name, shape] of context.targets) {
      if (isLinearWeight(name)) size += elementCount(shape);
    }
    const ranks = [...pool.models.keys()].map((model) => {
      const kept = resolveNumber(K, { tensor: "", depth: 0, model });
      return size - Math.floor(size * (kept > 1 ? kept / 100 : kept));
    });
    return {
      thresholds: await kthMagnitudes(
        ranks,
        countInPasses(async function* () {
          for await (
            const { deltas } of taskVectorPass(pool, context, { except })
          ) yield deltas;
        }),
      ),
    };
  },
  merge(
    { name, pretrained, models, modelNames, number },
    { subspace, lamda },
    { thresholds },
  ) {
    if (!isLinearWeight(name)) return tf.clone(pretrained);
    const vectors = models.map((model) =>
      tf.sub(model, pretrained) as tf.Tensor2D
    );
    const scales = vectors.map((vector, i) => {
      const norm = frobeniusNorm(vector);
      return norm > 0 ? number(lamda, modelNames[i]) / norm : 0;
    });
    const delta = optimizeDelta(vectors, scales, number(subspace));
    const adjusted = vectors.map((vector, i) => {
      const mask = tf.greaterEqual(tf.abs(vector), thresholds[i]!);
      return tf.mul(
        tf.mul(tf.add(vector, delta), tf.cast(mask, "float32")),
        scales[i]!,
      );
    });
    return tf.addN([pretrained, ...adjusted]);
  },
};
export default dogeTa;

function optimizeDelta(
  vectors: readonly tf.Tensor2D[],
  scales: readonly number[],
  subspace: number,
): tf.Tensor {
  const shape = vectors[0]!.shape;
  const basis = sharedSubspace(vectors, subspace);
  const sum = tf.addN(vectors.map((vector, i) => tf.mul(vector, scales[i]!)));
  const total = scales.reduce((all, scale) => all + scale, 0);
  // The loss is the sum of squares of each task's row sums of
  // vector * (vector - sum - total * delta).
  const starts = vectors.map((vector) =>
    tf.sum(tf.mul(vector, tf.sub(vector, sum)), 1, true)
  );
  return minimize(shape, (delta) => {
    const slopes = vectors.map((vector, i) => {
      const residual = tf.sub(
        starts[i]!,
        tf.mul(tf.sum(tf.mul(vector, delta), 1, true), total),
      );
      return tf.mul(tf.mul(vector, residual), -2 * total);
    });
    const slope = tf.addN(slopes) as tf.Tensor2D;
    if (!basis) return slope;
    return tf.sub(slope, tf.matMul(basis, transposedTimes(basis, slope)));
  }, { learningRate: 1e-4, steps: 400 });
}

/** Leading left directions of what all tasks' leading directions span. */
function sharedSubspace(
  vectors: readonly tf.Tensor2D[],
  subspace: number,
): tf.Tensor2D | undefined {
  const rank = Math.min(...vectors[0]!.shape);
  const own = Math.floor(rank / vectors.length);
  const count = Math.min(Math.floor(rank / subspace), own * vectors.length);
  if (count === 0) return undefined;
  return tf.tidy(() => {
    const directions = vectors.map((vector) =>
      tf.slice(svd(vector).u, [0, 0], [-1, own])
    );
    const { u } = svd(tf.concat(directions, 1));
    return tf.slice(u, [0, 0], [-1, count]);
  });
}

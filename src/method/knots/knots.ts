import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  countInPasses,
  findTiesFacts,
  kthMagnitudes,
  type MergeMethod,
  type MergePool,
  mergeTies,
  type NumberParameter,
  numberParameter,
  type PrepareContext,
  resolveNumber,
  svd,
  taskVectorPass,
  type TiesFacts,
  transposedTimes,
} from "../../merge/mod.ts";

interface Parameters {
  /** What the merged task vector is multiplied by. */
  scaling_factor: NumberParameter;
  /**
   * Elements that each model keeps: a share up to 1, a percentage above. It may
   * differ by model; it is one for all tensors of a model.
   */
  threshold: NumberParameter;
  /** How values that agree in sign are combined. */
  merge_func: "sum" | "mean" | "max";
  /** Singular values up to this size count as none. */
  eps: number;
}

interface Facts {
  /** Of the aligned matrices. */
  aligned: TiesFacts;
  /** Of all other tensors, which are counted apart. */
  others: TiesFacts | undefined;
}

/**
 * KnOTS: the task matrices of a layer, side by side, are decomposed into
 * singular directions that all models share; TIES merges what each model has in
 * them (singular values included), with thresholds over all matrices; the
 * directions take the result back. Task vectors of other tensors are merged by
 * TIES as they are, with thresholds of their own.
 *
 * https://arxiv.org/abs/2410.19735
 *
 * FusionBench has the decomposition (`knots_utils.subspace_alignment`) and no
 * method that calls it; what is merged there, and the defaults, are the paper's
 * KnOTS-TIES (https://github.com/gstoica27/KnOTS), which was made for LoRA and
 * so leaves other tensors alone. With a sum in TIES' place KnOTS would be task
 * arithmetic. Where values cancel exactly, the negative ones are kept.
 *
 * Thresholds take three passes over the matrices, each with its decomposition.
 */
const knots: MergeMethod<Parameters, Facts> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    scaling_factor: numberParameter({ perModel: false }).default(0.6),
    threshold: numberParameter({ minimum: 0, maximum: 100, perTensor: false })
      .default(20),
    merge_func: z.enum(["sum", "mean", "max"]).default("mean"),
    eps: z.number().min(0).default(1e-4),
  }),
  async prepare(pool, parameters, { targets, chunkSize }) {
    const some = (wanted: boolean) =>
      new Map(
        [...targets].filter(([, shape]) => (shape.length === 2) === wanted),
      );
    const [matrices, others] = [some(true), some(false)];
    return {
      others: others.size === 0 ? undefined : await findTiesFacts(
        pool,
        { threshold: parameters.threshold, remove_keys: [] },
        { targets: others, chunkSize },
      ),
      aligned: {
        thresholds: await alignedThresholds(pool, parameters, {
          targets: matrices,
          chunkSize: Infinity,
        }),
        majoritySign: 0,
      },
    };
  },
  merge(
    { shape, pretrained, models, number },
    { merge_func, scaling_factor, eps },
    { aligned, others },
  ) {
    const vectors = models.map((model) => tf.sub(model, pretrained));
    const scale = number(scaling_factor);
    const add = (vector: tf.Tensor): tf.Tensor =>
      tf.add(pretrained, tf.mul(vector, scale));
    if (shape.length !== 2) return add(mergeTies(vectors, others!, merge_func));
    const basis = sharedDirections(vectors as tf.Tensor2D[], eps);
    if (!basis) return tf.clone(pretrained);
    const parts = vectors.map((vector) =>
      transposedTimes(basis, vector as tf.Tensor2D)
    );
    const merged = mergeTies(parts, aligned, merge_func) as tf.Tensor2D;
    return add(tf.matMul(basis, merged));
  },
};
export default knots;

/** Smallest magnitude that each model keeps in the shared directions. */
async function alignedThresholds(
  pool: MergePool,
  { threshold, eps }: Parameters,
  context: PrepareContext,
): Promise<number[]> {
  const names = [...pool.models.keys()];
  if (context.targets.size === 0) return names.map(() => 0);
  const pass = async function* (): AsyncGenerator<Float32Array[]> {
    for await (const { name, deltas } of taskVectorPass(pool, context)) {
      const shape = context.targets.get(name) as [number, number];
      const parts = tf.tidy(() => {
        const vectors = deltas.map((delta) => tf.tensor2d(delta, shape));
        const basis = sharedDirections(vectors, eps);
        return basis && vectors.map((vector) => transposedTimes(basis, vector));
      });
      if (!parts) continue;
      yield await Promise.all(parts.map((part) => part.data<"float32">()));
      tf.dispose(parts);
    }
  };
  let size = 0;
  for await (const [part] of pass()) size += part!.length;
  const ranks = names.map((model) => {
    const value = resolveNumber(threshold, { tensor: "", depth: 0, model });
    return size - Math.floor(size * (value > 1 ? value / 100 : value));
  });
  return await kthMagnitudes(ranks, countInPasses(pass));
}

/** Left singular directions of the matrices side by side; none if all are 0. */
function sharedDirections(
  vectors: readonly tf.Tensor2D[],
  eps: number,
): tf.Tensor2D | undefined {
  const { u, s } = svd(tf.concat([...vectors], 1));
  const values = s.dataSync<"float32">();
  const count = values.findLastIndex((value) => value > eps) + 1;
  return count === 0 ? undefined : tf.slice(u, [0, 0], [-1, count]);
}

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  frobeniusNorm,
  isLinearWeight,
  type MergeMethod,
  modelOrder,
  type NumberParameter,
  numberParameter,
  svd,
  taskVectorPass,
  timesTransposed,
  transposedTimes,
} from "../../merge/mod.ts";

interface Parameters {
  /**
   * Share of the singular values' sum whose directions are protected; by model
   * it is the next model's.
   */
  alpha: NumberParameter;
  /** Takes the models in a shuffled order. */
  shuffle_order: boolean;
  /** Chooses that order; `null` is 0. */
  seed: number | null;
}

interface Facts {
  /** What the accumulated task vector is multiplied by. */
  scale: number;
}

/**
 * Orthogonal projection-based continual merging (OPCM): models are merged one
 * after the other. From each next task matrix is removed, in the singular
 * basis of what is merged so far, the diagonal and the block of the leading
 * directions (those that hold `alpha` of the singular values' sum); the rest
 * is added. Other tensors are added as they are. At the end the merged task
 * vector is scaled to the mean norm of all task vectors.
 *
 * https://arxiv.org/abs/2501.09522
 *
 * FusionBench rescales after each model; as directions do not change with
 * scale, once at the end is the same. It takes parameters from the modules
 * that hold no others and so leaves out ConvNeXt's layer scales: they are
 * merged here. It shuffles with Python's generator, so its order is another.
 * The accumulation is computed twice, first for its norm: no more than one
 * tensor of each model is in memory.
 */
const opcm: MergeMethod<Parameters, Facts> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    alpha: numberParameter({ minimum: 0, maximum: 1 }).default(0.5),
    shuffle_order: z.boolean().default(true),
    seed: z.int().nullable().default(null),
  }),
  async prepare(pool, parameters, { targets }) {
    const squares = [...pool.models].map(() => 0);
    let square = 0;
    const whole = { targets, chunkSize: Infinity };
    for await (const chunk of taskVectorPass(pool, whole)) {
      const { name, deltas, modelNames, number } = chunk;
      tf.tidy(() => {
        const vectors = deltas.map((delta) =>
          tf.tensor(delta, targets.get(name) as number[])
        );
        vectors.forEach((vector, i) =>
          squares[i]! += frobeniusNorm(vector) ** 2
        );
        const merged = accumulate(
          name,
          vectors,
          parameters,
          (alpha, i) => number(alpha, modelNames[i]),
        );
        square += frobeniusNorm(merged) ** 2;
      });
    }
    const mean = squares.reduce((sum, value) => sum + Math.sqrt(value), 0) /
      squares.length;
    return { scale: square > 0 ? mean / Math.sqrt(square) : 0 };
  },
  merge(input, parameters, { scale }) {
    const { name, pretrained, models, modelNames, number } = input;
    const vectors = models.map((model) => tf.sub(model, pretrained));
    const merged = accumulate(
      name,
      vectors,
      parameters,
      (alpha, i) => number(alpha, modelNames[i]),
    );
    return tf.add(pretrained, tf.mul(merged, scale));
  },
};
export default opcm;

function accumulate(
  name: string,
  vectors: readonly tf.Tensor[],
  { alpha, shuffle_order, seed }: Parameters,
  number: (parameter: NumberParameter, model: number) => number,
): tf.Tensor {
  const order = modelOrder(vectors.length, { shuffle: shuffle_order, seed });
  let merged = vectors[order[0]!]!;
  for (const i of order.slice(1)) {
    const vector = vectors[i]!;
    merged = tf.tidy(() =>
      tf.add(
        merged,
        isLinearWeight(name)
          ? withoutProtected(
            vector as tf.Tensor2D,
            merged as tf.Tensor2D,
            number(alpha, i),
          )
          : vector,
      )
    );
  }
  return merged;
}

/** What of a task matrix does not disturb what is merged so far. */
function withoutProtected(
  vector: tf.Tensor2D,
  merged: tf.Tensor2D,
  alpha: number,
): tf.Tensor2D {
  const { u, s, vt } = svd(merged);
  const rank = s.size;
  const leading = leadingCount(s.dataSync() as Float32Array, alpha);
  const projected = transposedTimes(u, vector);
  // No part may be empty: the wasm backend refuses to multiply those.
  const disturbing: tf.Tensor2D[] = [];
  if (leading > 0) {
    const top = tf.slice(vt, 0, leading);
    const block = timesTransposed(tf.slice(projected, 0, leading), top);
    disturbing.push(tf.matMul(block, top));
  }
  if (leading < rank) {
    const others = tf.slice(vt, leading);
    const along = tf.mul(tf.slice(projected, leading), others);
    disturbing.push(tf.mul(tf.sum(along, 1, true), others));
  }
  return tf.sub(vector, tf.matMul(u, tf.concat(disturbing, 0)));
}

/** How many singular values come before their share of the sum passes alpha. */
function leadingCount(values: Float32Array, alpha: number): number {
  const sum = values.reduce((total, value) => total + value, 0);
  let share = 0;
  for (let i = 0; i < values.length; i++) {
    share += values[i]! / sum;
    if (share > alpha) return i;
  }
  return 0;
}

import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import {
  innerProduct,
  isLinearWeight,
  type MergeMethod,
  minimize,
  modelOrder,
  type NumberParameter,
  numberParameter,
  svd,
} from "../../merge/mod.ts";

interface Parameters {
  /** Takes the models in a shuffled order. */
  shuffle_order: boolean;
  /** Chooses that order; `null` is 0. */
  seed: number | null;
  /** Step length of Adam. */
  lr: number;
  /** Steps of Adam for each pair. */
  num_steps: number;
  /** Balances the two losses by their gradients. */
  mgda: boolean;
  /** Smooths that balance over the steps. */
  ema: boolean;
  /** How much of the smoothed balance stays at each step. */
  ema_beta: number;
  /**
   * Weight of what is merged so far: fixed, or with `ema` where it starts. By
   * model it is the next model's.
   */
  alpha: NumberParameter;
  /** Share of the singular values' sum that the projections keep. */
  svd_epsilon: NumberParameter;
  /** Projects onto left singular directions, right ones, or both. */
  svd_proj_space: "u" | "v" | "uv";
  /** Matrices that are averaged instead, by Hugging Face name. */
  exclude_keys: string[] | null;
}

/**
 * Dual projections (DOP): models are merged one after the other. Between what
 * is merged so far and the next model, each linear layer's matrix starts at
 * their average and is optimised by Adam for the least distance to both, each
 * distance projected onto the singular directions of that model's task matrix
 * and weighted with its singular values; the two losses are balanced by the
 * multiple-gradient descent algorithm. Other tensors are averaged.
 *
 * "Continual Model Merging without Data: Dual Projections for Balancing
 * Stability and Plasticity", NeurIPS 2025: https://github.com/EnnengYang/DOP
 *
 * The gradients are computed in closed form. FusionBench takes parameters from
 * the modules that hold no others and so keeps ConvNeXt's layer scales as
 * pretrained: they are averaged here. It shuffles with Python's generator, so
 * its order is another. Its `save_on_every_step` and the like are left out.
 */
const dop: MergeMethod<Parameters> = {
  granularity: "tensor",
  pretrained: "needed",
  readsValues: true,
  parameters: z.strictObject({
    shuffle_order: z.boolean().default(true),
    seed: z.int().nullable().default(null),
    lr: z.number().positive().default(1e-4),
    num_steps: z.int().min(0).default(200),
    mgda: z.boolean().default(true),
    ema: z.boolean().default(true),
    ema_beta: z.number().min(0).max(1).default(0.999),
    alpha: numberParameter({ minimum: 0, maximum: 1 }).default(0.8),
    svd_epsilon: numberParameter({ minimum: 0, maximum: 1, perModel: false })
      .default(0.99999),
    svd_proj_space: z.enum(["u", "v", "uv"]).default("uv"),
    exclude_keys: z.array(z.string()).nullable().default(null),
  }),
  merge({ name, pretrained, models, modelNames, number }, parameters) {
    const { shuffle_order, seed, exclude_keys } = parameters;
    const order = modelOrder(models.length, { shuffle: shuffle_order, seed });
    const [first, ...rest] = order.map((i) => tf.sub(models[i]!, pretrained));
    const isOptimized = isLinearWeight(name) && !exclude_keys?.includes(name);
    let merged = first!;
    for (const [i, vector] of rest.entries()) {
      merged = tf.tidy(() =>
        isOptimized
          ? mergePair(merged as tf.Tensor2D, vector as tf.Tensor2D, {
            ...parameters,
            alpha: number(parameters.alpha, modelNames[order[i + 1]!]),
            svd_epsilon: number(parameters.svd_epsilon),
          })
          : tf.div(tf.add(merged, vector), 2)
      );
    }
    return tf.add(pretrained, merged);
  },
};
export default dop;

/** The parameters at one tensor and pair. */
type PairParameters = Parameters & { alpha: number; svd_epsilon: number };

function mergePair(
  first: tf.Tensor2D,
  second: tf.Tensor2D,
  parameters: PairParameters,
): tf.Tensor {
  const { lr, num_steps, mgda, ema, ema_beta, alpha } = parameters;
  const pull = [first, second].map((vector) =>
    projectionGradient(vector, parameters)
  ) as [Gradient, Gradient];
  const average = tf.div(tf.add(first, second), 2) as tf.Tensor2D;
  let smoothed = alpha;
  const way = minimize(average.shape, (point) => {
    const at = tf.add(average, point) as tf.Tensor2D;
    const distances = [tf.sub(at, first), tf.sub(at, second)] as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const gradients = distances.map((distance, i) => pull[i]!(distance));
    const [g0, g1] = gradients as [tf.Tensor, tf.Tensor];
    let share = alpha;
    if (mgda) {
      // The losses are quadratic: half the gradient times the distance.
      const loss0 = innerProduct(distances[0], g0) / 2 || 1;
      const loss1 = innerProduct(distances[1], g1) / 2 || 1;
      share = balance(
        innerProduct(g0, g0) / loss0 ** 2,
        innerProduct(g0, g1) / (loss0 * loss1),
        innerProduct(g1, g1) / loss1 ** 2,
      );
      smoothed = ema_beta * smoothed + (1 - ema_beta) * share;
      if (ema) share = smoothed;
    }
    return tf.add(tf.mul(g0, share), tf.mul(g1, 1 - share));
  }, { learningRate: lr, steps: num_steps });
  return tf.add(average, way);
}

type Gradient = (distance: tf.Tensor2D) => tf.Tensor2D;

/**
 * Gradient of |diag(s) uᵀ distance|² + |distance v diag(s)|². With t the task
 * matrix made of these directions, it is 2 (t tᵀ distance + distance tᵀ t).
 */
function projectionGradient(
  vector: tf.Tensor2D,
  { svd_epsilon, svd_proj_space }: PairParameters,
): Gradient {
  const [rows, columns] = vector.shape;
  const task = truncate(vector, svd_epsilon);
  const turned = tf.transpose(task) as tf.Tensor2D;
  // The smaller of the two products is made once, the other in two steps.
  const left = rows <= columns ? tf.matMul(task, turned) : undefined;
  const right = rows <= columns ? undefined : tf.matMul(turned, task);
  return (distance) => {
    const parts: tf.Tensor2D[] = [];
    if (svd_proj_space !== "v") {
      parts.push(
        left
          ? tf.matMul(left, distance)
          : tf.matMul(task, tf.matMul(turned, distance)),
      );
    }
    if (svd_proj_space !== "u") {
      parts.push(
        right
          ? tf.matMul(distance, right)
          : tf.matMul(tf.matMul(distance, turned), task),
      );
    }
    return tf.mul(tf.addN(parts), 2);
  };
}

/** The matrix without the last singular directions. */
function truncate(vector: tf.Tensor2D, epsilon: number): tf.Tensor2D {
  return tf.tidy(() => {
    const { u, s, vt } = svd(vector);
    const values = s.dataSync() as Float32Array;
    const sum = values.reduce((total, value) => total + value, 0);
    let count = 0;
    let share = 0;
    for (; count < values.length; count++) {
      share += values[count]! / sum;
      if (!(Math.fround(share) < epsilon)) break;
    }
    if (count === 0) return tf.zerosLike(vector);
    return tf.matMul(
      tf.mul(
        tf.slice(u, [0, 0], [-1, count]),
        tf.slice(s, 0, count),
      ) as tf.Tensor2D,
      tf.slice(vt, 0, count),
    );
  });
}

/** The first gradient's share in the shortest mix of two (Sener & Koltun). */
function balance(v00: number, v01: number, v11: number): number {
  if (v01 >= v00) return 0.999;
  if (v01 >= v11) return 0.001;
  return (v11 - v01) / (v00 + v11 - 2 * v01);
}

import * as tf from "@tensorflow/tfjs";
import { memoryStateDict } from "../../checkpoint/mod.ts";
import { loadStateDict, type MultiTaskModel } from "../../convnext/mod.ts";
import {
  CollapseWatch,
  type MergePool,
  needData,
  weightGradients,
} from "../../merge/mod.ts";
import type { AdaMergingParameters } from "./ada_merging.ts";
import { mergingWeight, type MergingWeights } from "./merging_weights.ts";

/** Pretrained weights and task vectors of one tensor. */
interface TensorVectors {
  shape: readonly number[];
  start: Float32Array;
  /** In the order of the tasks. */
  vectors: Float32Array[];
}

/**
 * Adapts merging weights so that the merged model is sure of its predictions:
 * Adam's steps against the sum over tasks of the mean entropy of a batch.
 *
 * The merged weights are linear in the coefficients, so that the gradient by a
 * coefficient is the inner product of its task vector with the gradient by the
 * merged weights, which one backward pass a task gives.
 *
 * @param weights Where they begin; changed in place.
 */
export async function adapt(
  pool: MergePool,
  targets: ReadonlyMap<string, readonly number[]>,
  weights: MergingWeights,
  parameters: AdaMergingParameters,
): Promise<void> {
  const { max_steps, lr, clamp_weights, batch_size, shuffle, seed } =
    parameters;
  const data = needData(pool, "adamerging");
  const tensors = await readVectors(pool, targets);
  const model = await data.loadMultiTaskModel("_pretrained_");
  const batches = weights.tasks.map((task) =>
    data.batches(task, {
      split: "test",
      batchSize: batch_size,
      shuffle,
      seed,
      repeat: true,
    })
  );
  const watch = new CollapseWatch();
  const step = adamStep(weights, lr);
  const entropies: number[] = [];
  try {
    for (let i = 0; i < max_steps; i++) {
      await setWeights(model, tensors, clamped(weights, clamp_weights));
      const gradients = new Map<string, Float32Array>();
      let entropy = 0;
      for (const [t, task] of weights.tasks.entries()) {
        const { value: pixelValues } = await batches[t]!.next();
        const result = await weightGradients(
          await model.forTask(task),
          pixelValues,
          [...tensors.keys()],
          meanEntropy,
        );
        pixelValues.dispose();
        watch.add(task, result.logits, result.classes);
        entropy += result.loss;
        for (const [name, gradient] of result.weights) {
          const sum = gradients.get(name);
          if (sum) addTo(sum, gradient);
          else gradients.set(name, gradient);
        }
      }
      entropies.push(entropy / weights.tasks.length);
      step(coefficientGradients(weights, tensors, gradients, clamp_weights));
      data.progress(i + 1, max_steps);
    }
  } finally {
    for (const each of batches) await each.return(undefined);
    await model.dispose();
  }
  data.note("entropy", { first: entropies[0], last: entropies.at(-1) });
  for (const finding of watch.findings()) data.warn(finding);
}

/** As FusionBench's `entropy_loss`: the mean over the batch, in nats. */
function meanEntropy(logits: tf.Tensor2D): tf.Scalar {
  const chances = tf.softmax(logits);
  const each = tf.sum(tf.mul(chances, tf.log(tf.add(chances, 1e-8))), -1);
  return tf.neg(tf.mean(each));
}

async function readVectors(
  pool: MergePool,
  targets: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, TensorVectors>> {
  const tensors = new Map<string, TensorVectors>();
  for (const [name, shape] of targets) {
    const start = await pool.pretrained!.read(name);
    const vectors: Float32Array[] = [];
    for (const expert of pool.models.values()) {
      const values = await expert.read(name);
      vectors.push(Float32Array.from(values, (value, i) => value - start[i]!));
    }
    tensors.set(name, { shape, start, vectors });
  }
  return tensors;
}

/** Clamped to [0, 1] where that is asked for. */
export function clamped(
  weights: MergingWeights,
  clamp: boolean,
): MergingWeights {
  return clamp
    ? {
      ...weights,
      merge_weight: weights.merge_weight.map((row) =>
        row.map((value) => Math.min(1, Math.max(0, value)))
      ),
    }
    : weights;
}

async function setWeights(
  model: MultiTaskModel,
  tensors: ReadonlyMap<string, TensorVectors>,
  weights: MergingWeights,
): Promise<void> {
  const merged = new Map<string, { shape: number[]; data: Float32Array }>();
  let prefix = "";
  for (const [name, { shape, start, vectors }] of tensors) {
    const data = start.slice();
    for (const [t, vector] of vectors.entries()) {
      const weight = mergingWeight(weights, weights.tasks[t]!, name);
      for (let i = 0; i < data.length; i++) data[i]! += weight * vector[i]!;
    }
    merged.set(name, { shape: [...shape], data });
    prefix = name.slice(0, name.indexOf(".") + 1);
  }
  await loadStateDict(model.model, memoryStateDict(merged, "merged"), prefix);
}

/** The loss's gradient by each coefficient, [tasks][tensors]. */
function coefficientGradients(
  { tasks, tensors: columns, merge_weight }: MergingWeights,
  tensors: ReadonlyMap<string, TensorVectors>,
  gradients: ReadonlyMap<string, Float32Array>,
  clamp: boolean,
): number[][] {
  return tasks.map((_, t) => {
    const row = columns.map(() => 0);
    for (const [name, gradient] of gradients) {
      const column = columns[0] === "*" ? 0 : columns.indexOf(name);
      const weight = merge_weight[t]![column]!;
      if (clamp && (weight < 0 || weight > 1)) continue; // the clamp is flat
      row[column]! += dot(gradient, tensors.get(name)!.vectors[t]!);
    }
    return row;
  });
}

/** A function that takes one of Adam's steps, as PyTorch's. */
function adamStep(
  { merge_weight }: MergingWeights,
  lr: number,
): (gradients: number[][]) => void {
  const means = merge_weight.map((row) => row.map(() => 0));
  const squares = merge_weight.map((row) => row.map(() => 0));
  let count = 0;
  return (gradients) => {
    count++;
    for (const [t, row] of gradients.entries()) {
      for (const [i, gradient] of row.entries()) {
        const mean = means[t]![i] = 0.9 * means[t]![i]! + 0.1 * gradient;
        const square = squares[t]![i] = 0.999 * squares[t]![i]! +
          0.001 * gradient ** 2;
        const root = Math.sqrt(square / (1 - 0.999 ** count)) + 1e-8;
        merge_weight[t]![i]! -= lr * mean / (1 - 0.9 ** count) / root;
      }
    }
  };
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

import type { MergingWeights } from "./merging_weights.ts";
import { mergingWeight } from "./merging_weights.ts";
import type { TensorVectors } from "./test_time_model.ts";

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

/** The weighted sum of a tensor's task vectors. */
export function weightedSum(
  weights: MergingWeights,
  name: string,
  { start, vectors }: TensorVectors,
): Float32Array {
  const sum = new Float32Array(start.length);
  for (const [t, vector] of vectors.entries()) {
    const weight = mergingWeight(weights, weights.tasks[t]!, name);
    for (let i = 0; i < sum.length; i++) sum[i]! += weight * vector[i]!;
  }
  return sum;
}

/**
 * The loss's gradient by each coefficient, [tasks][tensors]: the inner product
 * of its task vector with the gradient by the merged weights.
 *
 * @param masks What task vectors are multiplied with, by tensor.
 */
export function coefficientGradients(
  { tasks, tensors: columns, merge_weight }: MergingWeights,
  tensors: ReadonlyMap<string, TensorVectors>,
  gradients: ReadonlyMap<string, Float32Array>,
  clamp: boolean,
  masks?: ReadonlyMap<string, Float32Array>,
): number[][] {
  return tasks.map((_, t) => {
    const row = columns.map(() => 0);
    for (const [name, gradient] of gradients) {
      const column = columns[0] === "*" ? 0 : columns.indexOf(name);
      const weight = merge_weight[t]![column]!;
      if (clamp && (weight < 0 || weight > 1)) continue; // the clamp is flat
      const vector = tensors.get(name)!.vectors[t]!;
      row[column]! += dot(gradient, vector, masks?.get(name));
    }
    return row;
  });
}

/** A function that takes one of Adam's steps in place, as PyTorch's. */
export function adamStep(
  shape: readonly ArrayLike<number>[],
  lr: number,
): (rows: (number[] | Float32Array)[], gradients: ArrayLike<number>[]) => void {
  const zeros = () => shape.map(({ length }) => new Float64Array(length));
  const means = zeros();
  const squares = zeros();
  let count = 0;
  return (rows, gradients) => {
    count++;
    const rate = lr / (1 - 0.9 ** count);
    const correction = 1 - 0.999 ** count;
    for (const [t, row] of rows.entries()) {
      const mean = means[t]!;
      const square = squares[t]!;
      const gradient = gradients[t]!;
      for (let i = 0; i < row.length; i++) {
        mean[i] = 0.9 * mean[i]! + 0.1 * gradient[i]!;
        square[i] = 0.999 * square[i]! + 0.001 * gradient[i]! ** 2;
        row[i]! -= rate * mean[i]! /
          (Math.sqrt(square[i]! / correction) + 1e-8);
      }
    }
  };
}

function dot(a: Float32Array, b: Float32Array, mask?: Float32Array): number {
  let sum = 0;
  if (mask) {
    for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]! * mask[i]!;
  } else {
    for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  }
  return sum;
}

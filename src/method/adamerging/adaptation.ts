import { type MergePool, needData } from "../../merge/mod.ts";
import type { AdaMergingParameters } from "./ada_merging.ts";
import {
  adamStep,
  clamped,
  coefficientGradients,
  weightedSum,
} from "./coefficients.ts";
import { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
import type { MergingWeights } from "./merging_weights.ts";
import { type TensorVectors, TestTimeModel } from "./test_time_model.ts";

/** How merging weights are adapted. */
export interface AdaptOptions {
  /** Steps. */
  max_steps: number;
  /** Length of Adam's steps. */
  lr: number;
  /** Clamps merging weights to [0, 1]. */
  clamp_weights: boolean;
  /** Judges them on validation images. */
  early_stopping: EarlyStoppingOptions | null;
}

/**
 * Adapts merging weights so that the merged model is sure of its predictions:
 * Adam's steps against the sum over tasks of the mean entropy of a batch.
 *
 * The merged weights are linear in the coefficients, so that the gradient by a
 * coefficient is the inner product of its task vector with the gradient by the
 * merged weights, which one backward pass a task gives.
 *
 * @param weights Where they begin.
 * @returns Where they end, or where they were best on validation images.
 */
export async function adapt(
  pool: MergePool,
  targets: ReadonlyMap<string, readonly number[]>,
  weights: MergingWeights,
  parameters: AdaMergingParameters,
): Promise<MergingWeights> {
  const model = await TestTimeModel.open(
    pool,
    "adamerging",
    targets,
    parameters,
  );
  try {
    const adapted = await adaptWeights(pool, model, weights, parameters);
    model.tell();
    return adapted;
  } finally {
    await model.close();
  }
}

/**
 * The same with a model that is open.
 *
 * @param masks What task vectors are multiplied with, by tensor.
 */
export async function adaptWeights(
  pool: MergePool,
  model: TestTimeModel,
  weights: MergingWeights,
  { max_steps, lr, clamp_weights, early_stopping }: AdaptOptions,
  masks?: ReadonlyMap<string, Float32Array>,
): Promise<MergingWeights> {
  const data = needData(pool, "adamerging");
  const adapted = structuredClone(weights);
  const step = adamStep(adapted.merge_weight, lr);
  const stopping = new EarlyStopping<MergingWeights>(data, early_stopping);
  for (let i = 0; i <= max_steps; i++) {
    const isLast = i === max_steps;
    if (isLast && early_stopping === null) break;
    await model.load(merged(clamped(adapted, clamp_weights), masks));
    if (stopping.isDue(i, isLast)) {
      if (await stopping.look(i, model.model, adapted) || isLast) break;
    }
    const { gradients } = await model.entropyGradients();
    step(
      adapted.merge_weight,
      coefficientGradients(
        adapted,
        model.tensors,
        gradients,
        clamp_weights,
        masks,
      ),
    );
    data.progress(i + 1, max_steps);
  }
  return stopping.best() ?? adapted;
}

/** Merges a tensor with merging weights. */
export function merged(
  weights: MergingWeights,
  masks?: ReadonlyMap<string, Float32Array>,
): (name: string, tensor: TensorVectors) => Float32Array {
  return (name, tensor) => {
    const sum = weightedSum(weights, name, tensor);
    const mask = masks?.get(name);
    const { start } = tensor;
    for (let i = 0; i < sum.length; i++) {
      sum[i] = start[i]! + (mask ? mask[i]! * sum[i]! : sum[i]!);
    }
    return sum;
  };
}

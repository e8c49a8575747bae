import * as tf from "@tensorflow/tfjs";
import {
  clipByGlobalNorm,
  lossAndGradients,
  type TrainingBatch,
} from "./gradients.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Parameter } from "./parameters.ts";
import { withSeededRandom } from "./random.ts";

/** How {@linkcode takeStep} steps. */
export interface StepOptions {
  /** The step's length. */
  learningRate: number;
  /** Share of the target that is spread over all classes. */
  labelSmoothing: number;
  /** Largest norm of all gradients together. */
  clip: number | undefined;
  /** What stochastic depth draws from. */
  random: () => number;
}

/**
 * One optimiser step over one or more batches.
 *
 * @param parameters Those that learn.
 * @param batches They are disposed of.
 * @returns Mean loss over the images, and the gradients' norm before clipping.
 */
export async function takeStep(
  model: tf.LayersModel,
  optimizer: Optimizer,
  parameters: readonly Parameter[],
  batches: readonly (() => TrainingBatch)[],
  { learningRate, labelSmoothing, clip, random }: StepOptions,
): Promise<{ loss: number; gradientNorm: number }> {
  let sum: tf.Tensor[] | undefined;
  let images = 0;
  let loss = 0;
  for (const make of batches) {
    const batch = make();
    const size = batch.labels.length;
    const found = withSeededRandom(
      random,
      () => lossAndGradients(model, parameters, batch, labelSmoothing),
    );
    const flat = optimizer.flatten(found.gradients);
    tf.dispose([batch.pixelValues, found.gradients]);
    // Read now: on a backend that computes meanwhile, memory is then free.
    loss += size * (await found.loss.data())[0]!;
    found.loss.dispose();
    images += size;
    sum = batches.length === 1 ? flat : added(sum, flat, size);
  }
  if (batches.length > 1) {
    const total = sum!;
    sum = total.map((tensor) => tf.div(tensor, images));
    tf.dispose(total);
  }
  const { gradients, norm } = clipByGlobalNorm(sum!, clip);
  const parts = [...new Set(parameters.map(({ part }) => part))];
  optimizer.step(parts, gradients, learningRate);
  const gradientNorm = (await norm.data())[0]!;
  tf.dispose([sum!, gradients, norm]);
  return { loss: loss / images, gradientNorm };
}

/** Adds gradients, times their images, to the sum so far; disposes of both. */
function added(
  sum: tf.Tensor[] | undefined,
  gradients: tf.Tensor[],
  images: number,
): tf.Tensor[] {
  const result = tf.tidy(() =>
    gradients.map((gradient, i) => {
      const weighted = tf.mul(gradient, images);
      return sum ? tf.add(sum[i]!, weighted) : weighted;
    })
  );
  tf.dispose([gradients, sum ?? []]);
  return result;
}

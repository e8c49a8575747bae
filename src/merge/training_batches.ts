import type * as tf from "@tensorflow/tfjs";
import type { DataloaderKwargs } from "./dataloader_kwargs.ts";
import type { PoolData } from "./pool_data.ts";

/**
 * Batches of a task's training images, in whole ones until so many images have
 * come. Each is the caller's to dispose of.
 */
export async function* trainingBatches(
  data: PoolData,
  task: string,
  images: number,
  { batch_size, shuffle, seed }: DataloaderKwargs,
): AsyncGenerator<tf.Tensor4D> {
  let seen = 0;
  const batches = data.batches(task, {
    split: "train",
    batchSize: batch_size,
    shuffle,
    seed,
  });
  for await (const pixelValues of batches) {
    seen += pixelValues.shape[0];
    yield pixelValues;
    if (seen >= images) break;
  }
}

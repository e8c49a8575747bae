import * as tf from "@tensorflow/tfjs";
import type { MergeInput } from "./method.ts";

/**
 * A chunk of what a method's `prepare` merged already, as those do that look at
 * images.
 *
 * @param merged Tensors' elements, flattened, by name.
 * @returns Undefined if the chunk's tensor is none of them.
 */
export function mergedChunk(
  merged: ReadonlyMap<string, Float32Array>,
  { name, begin, models }: Pick<MergeInput, "name" | "begin" | "models">,
): tf.Tensor1D | undefined {
  const values = merged.get(name);
  return values &&
    tf.tensor1d(values.slice(begin, begin + models[0]!.size));
}

import type { MergeInput } from "./method.ts";

/**
 * The task vectors of a `tensor` method as plain numbers, for what tensor
 * operations cannot do: ranks, exact counts, sums in float64. To be called
 * before any operation on the input: then the values are still on this side of
 * every backend, WebGPU too.
 */
export function taskVectorValues(
  { pretrained, models }: MergeInput,
): Float32Array[] {
  const start = pretrained.dataSync<"float32">();
  return models.map((model) => {
    const values = model.dataSync<"float32">();
    const delta = new Float32Array(values.length);
    for (let i = 0; i < delta.length; i++) delta[i] = values[i]! - start[i]!;
    return delta;
  });
}

import {
  elementCount,
  memoryStateDict,
  type StateDict,
} from "../checkpoint/mod.ts";
import { checkNumbers } from "./check_numbers.ts";
import { type MergeOptions, mergePool } from "./merge.ts";
import type { BoundMethod } from "./method.ts";
import { type MergePool, targetTensors } from "./pool.ts";
import { onReadableBackend } from "./readable_backend.ts";

/**
 * Merges a pool's fusion targets into memory, in float32.
 *
 * @returns A state dict of the fusion targets' tensors.
 * @throws As {@linkcode mergePool}.
 */
export async function mergeInMemory(
  pool: MergePool,
  method: BoundMethod,
  options: MergeOptions = {},
): Promise<StateDict> {
  const shapes = targetTensors(pool, options.targets ?? ["convnext"]);
  checkNumbers(method, [...pool.models.keys()], [...shapes.keys()]);
  const tensors = new Map(
    Array.from(shapes, ([name, shape]) => [name, {
      shape,
      data: new Float32Array(elementCount(shape)),
    }]),
  );
  await onReadableBackend(method, () =>
    mergePool(pool, method, {
      write: (name, begin, values) => {
        tensors.get(name)!.data.set(values, begin);
        return Promise.resolve();
      },
    }, options));
  return memoryStateDict(tensors, `merged by ${method.name}`);
}

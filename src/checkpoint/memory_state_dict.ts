import { CheckpointError } from "../fusion_error.ts";
import { checkRange, noSuchTensor, targetOf } from "./element_range.ts";
import {
  type DType,
  elementCount,
  type StateDict,
  type TensorInfo,
} from "./state_dict.ts";

/** A tensor in plain memory. */
export interface MemoryTensor {
  /** Dimensions; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Elements, row-major. Not copied until they are read. */
  readonly data: Float32Array;
  /** Element type that {@linkcode StateDict.info} tells. @default {"F32"} */
  readonly dtype?: DType;
}

/**
 * A state dict of tensors in plain memory.
 *
 * @param tensors Tensors by name, in order.
 * @param source What error messages call it.
 * @throws {CheckpointError} If a tensor's shape does not fit its data.
 */
export function memoryStateDict(
  tensors:
    | ReadonlyMap<string, MemoryTensor>
    | Readonly<Record<string, MemoryTensor>>,
  source: string,
): StateDict {
  const byName = tensors instanceof Map
    ? tensors as ReadonlyMap<string, MemoryTensor>
    : new Map(Object.entries(tensors as Record<string, MemoryTensor>));
  for (const [name, { shape, data }] of byName) {
    if (elementCount(shape) !== data.length) {
      throw new CheckpointError(
        `${source}: tensor ${
          JSON.stringify(name)
        } has ${data.length} elements, expected ${
          elementCount(shape)
        } for the shape [${shape}]`,
      );
    }
  }
  const get = (name: string): MemoryTensor => {
    const tensor = byName.get(name);
    if (!tensor) throw noSuchTensor(source, name);
    return tensor;
  };
  const view = (name: string, begin: number, end?: number): Float32Array => {
    const { shape, data } = get(name);
    checkRange(source, name, shape, begin, end ?? data.length);
    return data.subarray(begin, end);
  };
  return {
    names: [...byName.keys()],
    source,
    info(name: string): TensorInfo {
      const { dtype = "F32", shape } = get(name);
      return { dtype, shape };
    },
    // deno-lint-ignore require-await -- errors are rejections, as with files
    async read(name: string, begin = 0, end?: number): Promise<Float32Array> {
      return view(name, begin, end).slice();
    },
    // deno-lint-ignore require-await
    async readInto(
      name: string,
      begin: number,
      end: number,
      target: Float32Array,
    ): Promise<void> {
      const values = view(name, begin, end);
      targetOf(source, name, values.length, target).set(values);
    },
    close(): void {},
  };
}

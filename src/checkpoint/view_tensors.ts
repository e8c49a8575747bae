import {
  checkRange,
  noSuchTensor,
  readRange,
  targetOf,
} from "./element_range.ts";
import { openCheckpoint } from "./open_checkpoint.ts";
import type {
  CheckpointLocation,
  StateDict,
  TensorInfo,
  ViewedTensor,
} from "./state_dict.ts";
import { isContiguous, rearranged } from "./strides.ts";

/** Opens a state dict where it said that it is (`location`). */
export async function openLocation(
  location: CheckpointLocation,
): Promise<StateDict> {
  return typeof location === "string"
    ? await openCheckpoint(location)
    : viewTensors(await openCheckpoint(location.path), location.tensors);
}

/**
 * Tensors of a state dict under other names, in other shapes and orders;
 * sorted by name, as the safetensors library writes files, so that what is made
 * of a view has the same bytes. Closing it closes the source.
 *
 * @param tensors The view's tensors by name; each has all elements of a stored
 * one.
 */
export function viewTensors(
  stateDict: StateDict,
  tensors: ReadonlyMap<string, ViewedTensor>,
): StateDict {
  const { source, location } = stateDict;
  const get = (name: string): ViewedTensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw noSuchTensor(source, name);
    return tensor;
  };
  // Whoever reads chunk after chunk would read all of the tensor for each.
  let last: { name: string; values: Promise<Float32Array> } | undefined;
  const whole = (
    name: string,
    { stored, shape }: ViewedTensor,
    strides: readonly number[],
  ): Promise<Float32Array> => {
    if (last?.name !== name) {
      const values = stateDict.read(stored)
        .then((elements) => rearranged(elements, shape, strides));
      last = { name, values };
      values.catch(() => last = undefined);
    }
    return last.values;
  };
  const readInto: StateDict["readInto"] & object = async (
    name,
    begin,
    end,
    target,
  ) => {
    const tensor = get(name);
    const { stored, shape, strides } = tensor;
    checkRange(source, name, shape, begin, end);
    if (strides && !isContiguous(shape, strides)) {
      const values = await whole(name, tensor, strides);
      targetOf(source, name, end - begin, target)
        .set(values.subarray(begin, end));
    } else if (stateDict.readInto) {
      await stateDict.readInto(stored, begin, end, target);
    } else target.set(await stateDict.read(stored, begin, end));
  };
  const info = (name: string): TensorInfo => {
    const { stored, shape } = get(name);
    return { dtype: stateDict.info(stored).dtype, shape };
  };
  return {
    names: [...tensors.keys()].sort(),
    source,
    // A view of a view would need both to be opened again.
    ...(typeof location === "string" && {
      location: { path: location, tensors },
    }),
    info,
    read: async (name, begin = 0, end) =>
      await readRange({ source, info, readInto }, name, begin, end),
    readInto,
    close() {
      last = undefined;
      stateDict.close();
    },
  };
}

import { CheckpointError } from "../fusion_error.ts";
import { elementCount, type StateDict } from "./state_dict.ts";
import { shown } from "./shown.ts";

/**
 * Checks that a tensor has the elements [begin, end).
 *
 * @throws {CheckpointError} If it has not.
 */
export function checkRange(
  source: string,
  name: string,
  shape: readonly number[],
  begin: number,
  end: number,
): void {
  const size = elementCount(shape);
  const valid = Number.isInteger(begin) && Number.isInteger(end) &&
    0 <= begin && begin <= end && end <= size;
  if (!valid) {
    throw new CheckpointError(
      `${source}: tensor ${
        shown(name)
      } has ${size} elements, found a request for elements ${begin} to ${end}`,
    );
  }
}

/**
 * Elements [begin, end) in an array of their own.
 *
 * @param stateDict One that reads into memory that it is given.
 * @throws {CheckpointError} If there is no such tensor or range.
 */
export async function readRange(
  stateDict: Required<Pick<StateDict, "source" | "info" | "readInto">>,
  name: string,
  begin: number,
  end?: number,
): Promise<Float32Array> {
  const { shape } = stateDict.info(name);
  const last = end ?? elementCount(shape);
  // Before memory is taken for it.
  checkRange(stateDict.source, name, shape, begin, last);
  const target = new Float32Array(last - begin);
  await stateDict.readInto(name, begin, last, target);
  return target;
}

/** The error for a tensor that a state dict does not have. */
export function noSuchTensor(source: string, name: string): CheckpointError {
  return new CheckpointError(`${source} has no tensor ${shown(name)}`);
}

/**
 * The first `count` elements of an array that a tensor's elements go to.
 *
 * @throws {CheckpointError} If it has fewer.
 */
export function targetOf(
  source: string,
  name: string,
  count: number,
  target: Float32Array,
): Float32Array {
  if (target.length < count) {
    throw new CheckpointError(
      `${source}: ${count} elements of tensor ${
        shown(name)
      } do not fit into an array of ${target.length}`,
    );
  }
  return target.subarray(0, count);
}

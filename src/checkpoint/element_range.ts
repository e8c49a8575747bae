import { CheckpointError } from "../fusion_error.ts";
import { elementCount } from "./state_dict.ts";
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

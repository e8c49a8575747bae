import { DTYPE_BYTES } from "./element_type.ts";
import { PickleObject } from "./pickle_value.ts";
import { type DType, elementCount } from "./state_dict.ts";

/** Most dimensions that PyTorch gives a tensor. */
const MOST_DIMENSIONS = 64;

/** A storage as a pickle names it: elements that tensors are views of. */
export class PytorchStorage extends PickleObject {
  override readonly kind = "a storage";

  /**
   * @param key Its name in the file.
   * @param size Number of elements.
   * @param begin The first element, for a view of a part of it.
   */
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly size: number,
    readonly begin = 0,
  ) {
    super();
  }
}

/** A tensor as a pickle names it: a strided view of a storage. */
export class PytorchTensor extends PickleObject {
  override readonly kind = "a tensor";

  /**
   * @param offset Place of the first element in the storage.
   * @param shape Dimensions.
   * @param strides Elements from one index to the next, for each dimension.
   */
  constructor(
    readonly storage: PytorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }

  /** Bytes that its elements would take one after the other. */
  get bytes(): number {
    return elementCount(this.shape) * DTYPE_BYTES[this.storage.dtype];
  }

  /** What is wrong with the view, if anything. */
  problem(): string | undefined {
    const { storage, offset, shape, strides } = this;
    if (shape.length !== strides.length || shape.length > MOST_DIMENSIONS) {
      return `a tensor of ${shape.length} dimensions with ${strides.length} strides`;
    }
    const numbers = [offset, storage.begin, storage.size, ...shape, ...strides];
    if (!numbers.every((n) => Number.isSafeInteger(n) && n >= 0)) {
      return "a tensor whose shape, strides or offset are not non-negative integers";
    }
    if (shape.includes(0)) return undefined;
    const end = offset + spanOf(shape, strides);
    if (
      !Number.isSafeInteger(elementCount(shape)) || !(end <= storage.size)
    ) {
      return `a tensor of shape [${shape}], strides [${strides}], offset ${offset} leaves its storage of ${storage.size} elements`;
    }
    return undefined;
  }
}

/** Elements from a view's first to its last, both counted. */
export function spanOf(
  shape: readonly number[],
  strides: readonly number[],
): number {
  return shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 1);
}

/** Whether a view's elements lie one after the other. */
export function isContiguous(
  shape: readonly number[],
  strides: readonly number[],
): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    if (strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

/** Places in the storage, from `offset` on, of flattened elements [begin, end). */
export function placesOf(
  shape: readonly number[],
  strides: readonly number[],
  begin: number,
  end: number,
): Float64Array {
  const index = new Array<number>(shape.length).fill(0);
  let place = 0;
  let rest = begin;
  for (let i = shape.length - 1; i >= 0; i--) {
    index[i] = rest % shape[i]!;
    rest = Math.floor(rest / shape[i]!);
    place += index[i]! * strides[i]!;
  }
  const places = new Float64Array(end - begin);
  for (let element = 0; element < places.length; element++) {
    places[element] = place;
    for (let i = shape.length - 1; i >= 0; i--) {
      place += strides[i]!;
      if (++index[i]! < shape[i]!) break;
      place -= strides[i]! * shape[i]!;
      index[i] = 0;
    }
  }
  return places;
}

import { DTYPE_BYTES } from "./element_type.ts";
import { PickleObject } from "./pickle_value.ts";
import { type DType, elementCount } from "./state_dict.ts";
import { spanOf } from "./strides.ts";

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

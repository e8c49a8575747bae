import { elementCount } from "./state_dict.ts";

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

/** Side of the squares in which a matrix is transposed: both fit into the cache. */
const TILE = 32;
/** Elements that are put in their places at a time. */
const BLOCK = 1 << 16;

/** The elements of a strided view, one after the other. */
export function rearranged(
  stored: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
): Float32Array {
  const values = new Float32Array(elementCount(shape));
  const [rows, columns, third] = merged(shape, strides);
  if (rows && columns && !third) {
    transpose(stored, rows, columns, values);
    return values;
  }
  for (let begin = 0; begin < values.length; begin += BLOCK) {
    const part = values.subarray(begin, begin + BLOCK);
    const places = placesOf(shape, strides, begin, begin + part.length);
    for (let i = 0; i < part.length; i++) part[i] = stored[places[i]!]!;
  }
  return values;
}

/** A dimension of a view. */
interface Dimension {
  size: number;
  stride: number;
}

/** A view's dimensions, those that are one in the storage as one. */
function merged(
  shape: readonly number[],
  strides: readonly number[],
): Dimension[] {
  const dimensions: Dimension[] = [];
  for (const [i, size] of shape.entries()) {
    if (size === 1) continue;
    const stride = strides[i]!;
    const before = dimensions.at(-1);
    if (before?.stride === size * stride) {
      before.size *= size;
      before.stride = stride;
    } else dimensions.push({ size, stride });
  }
  return dimensions;
}

/** Elements of a matrix row by row, square by square. */
function transpose(
  stored: Float32Array,
  rows: Dimension,
  columns: Dimension,
  values: Float32Array,
): void {
  for (let top = 0; top < rows.size; top += TILE) {
    const bottom = Math.min(top + TILE, rows.size);
    for (let left = 0; left < columns.size; left += TILE) {
      const right = Math.min(left + TILE, columns.size);
      for (let row = top; row < bottom; row++) {
        const place = row * rows.stride;
        const target = row * columns.size;
        for (let column = left; column < right; column++) {
          values[target + column] = stored[place + column * columns.stride]!;
        }
      }
    }
  }
}

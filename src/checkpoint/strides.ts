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

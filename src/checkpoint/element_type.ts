import type { DType } from "./state_dict.ts";

/** Bytes an element takes, by type. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U8: 1,
  BOOL: 1,
};

/** The memory of a typed array as bytes. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/**
 * Converts stored elements to float32.
 *
 * @param bytes Elements as stored; must start at a multiple of 8 in its buffer.
 * @param target Takes them from its first element on.
 */
export function decodeElements(
  dtype: DType,
  bytes: Uint8Array,
  target: Float32Array,
): void {
  const { buffer, byteOffset } = bytes;
  const count = bytes.length / DTYPE_BYTES[dtype];
  switch (dtype) {
    case "F64":
      return target.set(new Float64Array(buffer, byteOffset, count));
    case "F32":
      return target.set(new Float32Array(buffer, byteOffset, count));
    case "F16": {
      // Twice as fast as `target.set`.
      const halves = new Float16Array(buffer, byteOffset, count);
      for (let i = 0; i < count; i++) target[i] = halves[i]!;
      return;
    }
    case "BF16": {
      const halves = new Uint16Array(buffer, byteOffset, count);
      const bits = new Uint32Array(target.buffer, target.byteOffset, count);
      for (let i = 0; i < count; i++) bits[i] = halves[i]! << 16;
      return;
    }
    case "I64": {
      // Two halves instead of BigInt, which is many times slower.
      const words = new Int32Array(buffer, byteOffset, 2 * count);
      for (let i = 0; i < count; i++) {
        target[i] = words[2 * i + 1]! * 2 ** 32 + (words[2 * i]! >>> 0);
      }
      return;
    }
    case "I32":
      return target.set(new Int32Array(buffer, byteOffset, count));
    case "U8":
      return target.set(bytes);
    case "BOOL":
      for (let i = 0; i < count; i++) target[i] = bytes[i] === 0 ? 0 : 1;
  }
}

/**
 * Converts float32 to stored elements, as `torch.Tensor.to` does: nearest even
 * and overflow to infinity for F16 and BF16, towards zero for integers,
 * anything but zero is true.
 *
 * @returns Bytes to store; for F32 the memory of `values` itself.
 * @throws {RangeError} If a value has no integer of that type; the message
 * tells which.
 */
export function encodeElements(
  dtype: DType,
  values: Float32Array,
): Uint8Array {
  switch (dtype) {
    case "F64":
      return bytesOf(new Float64Array(values));
    case "F32":
      return bytesOf(values);
    case "F16":
      return bytesOf(new Float16Array(values));
    case "BF16":
      return bytesOf(bfloat16(values));
    case "I64":
      checkIntegers(values, -(2 ** 63), 2 ** 63);
      return bytesOf(
        BigInt64Array.from(values, (value) => BigInt(Math.trunc(value))),
      );
    case "I32":
      checkIntegers(values, -(2 ** 31), 2 ** 31);
      return bytesOf(new Int32Array(values));
    case "U8":
      checkIntegers(values, 0, 256);
      return bytesOf(new Uint8Array(values));
    case "BOOL":
      return Uint8Array.from(values, (value) => value === 0 ? 0 : 1);
  }
}

function bfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(
    values.buffer,
    values.byteOffset,
    values.length,
  );
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const word = bits[i]!;
    // Rounding would carry a NaN's fraction into its sign: it stays apart.
    halves[i] = (word & 0x7fffffff) > 0x7f800000
      ? 0x7fc0
      : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** Checks that all values, towards zero, lie in [lowest, limit). */
function checkIntegers(
  values: Float32Array,
  lowest: number,
  limit: number,
): void {
  for (const value of values) {
    const integer = Math.trunc(value);
    if (!(integer >= lowest && integer < limit)) {
      throw new RangeError(String(value));
    }
  }
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/**
 * The bits of a float32 number as an integer: for numbers that are not below 0
 * they sort as the numbers do.
 */
export function floatBits(value: number): number {
  floats[0] = value;
  return bits[0]!;
}

/** The float32 number of {@linkcode floatBits}. */
export function bitsFloat(value: number): number {
  bits[0] = value;
  return floats[0]!;
}

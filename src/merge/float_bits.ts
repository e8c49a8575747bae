/**
 * The bits of a float32 number as an integer: for numbers that are not below 0
 * they sort as the numbers do.
 */
export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}

/** The float32 number of {@linkcode floatBits}. */
export function bitsFloat(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0]!;
}

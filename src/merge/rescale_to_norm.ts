/**
 * Scales a mask so that what it keeps has the L1 norm of the whole, as
 * mergekit's `rescale`. Where either norm is next to nothing, it stays as it is.
 *
 * @param mask 0 or 1 for each value; changed in place.
 * @returns The mask.
 */
export function rescaleToNorm(
  values: Float32Array,
  mask: Float32Array,
): Float32Array {
  let before = 0;
  let after = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    before += magnitude;
    after += magnitude * mask[i]!;
  }
  if (before < 1e-7 || after < 1e-7) return mask;
  const scale = before / after;
  for (let i = 0; i < mask.length; i++) mask[i]! *= scale;
  return mask;
}

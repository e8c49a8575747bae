/** Numbers from a normal distribution (Box and Muller). */
export function randomNormal(
  length: number,
  deviation: number,
  random: () => number,
): Float32Array {
  return Float32Array.from({ length }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return deviation * radius * Math.cos(2 * Math.PI * random());
  });
}

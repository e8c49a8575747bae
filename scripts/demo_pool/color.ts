import type { Random } from "./random.ts";

/**
 * Any hue and saturation, of a lightness within limits in percent, as CSS says
 * it.
 */
export function randomColor(
  random: Random,
  [from, to]: readonly [number, number],
): string {
  const hue = random.uniform(0, 360);
  const saturation = random.uniform(0, 100);
  const light = random.uniform(from, to);
  return `hsl(${hue.toFixed(0)} ${saturation.toFixed(0)}% ${
    light.toFixed(0)
  }%)`;
}

/** Two colours that differ in lightness, either of them the darker one. */
export function randomInkAndGround(
  random: Random,
): { ink: readonly [number, number]; ground: readonly [number, number] } {
  return random.uniform() < 0.5
    ? { ink: [65, 95], ground: [5, 45] }
    : { ink: [5, 35], ground: [55, 95] };
}

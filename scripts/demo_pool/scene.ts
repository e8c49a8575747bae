import type { Glyph } from "./characters.ts";
import { randomColor, randomInkAndGround } from "./color.ts";
import { type Drawing, SIZE } from "./images.ts";
import type { Random } from "./random.ts";

/** Colours of what only disturbs. */
const ANY = [10, 90] as const;

/**
 * A character as a camera may see it on a wall: in any two colours, turned,
 * with lines and rings behind it, out of focus, with noise. All tasks share
 * this.
 */
export function drawScene(
  glyph: Glyph,
  random: Random,
): Pick<Drawing, "svg" | "finish"> {
  // Gradients and filters are named within one scene; a sheet holds many.
  const id = `s${Math.floor(random.uniform() * 2 ** 32).toString(36)}`;
  const limits = randomInkAndGround(random);
  const blur = random.uniform(0, 0.7).toFixed(2);
  const noise = random.uniform(0, 20);
  return {
    svg: `<filter id="${id}b"><feGaussianBlur stdDeviation="${blur}"/>` +
      `</filter><g filter="url(#${id}b)">` +
      drawGround(`${id}g`, limits.ground, random) +
      drawClutter(random) +
      drawGlyph(glyph, randomColor(random, limits.ink), random) + `</g>`,
    finish: (pixels) => addNoise(pixels, noise, random),
  };
}

/** A gradient from one colour to another. */
function drawGround(
  id: string,
  light: readonly [number, number],
  random: Random,
): string {
  const angle = random.uniform(0, 360).toFixed(0);
  return `<linearGradient id="${id}" gradientTransform="rotate(${angle} .5 .5)">` +
    `<stop stop-color="${randomColor(random, light)}"/>` +
    `<stop offset="1" stop-color="${randomColor(random, light)}"/>` +
    `</linearGradient>` +
    `<rect width="${SIZE}" height="${SIZE}" fill="url(#${id})"/>`;
}

/** Up to two lines or rings. */
function drawClutter(random: Random): string {
  const count = Math.floor(random.uniform(0, 3));
  const place = (): string => random.uniform(0, SIZE).toFixed(1);
  return Array.from({ length: count }, () => {
    const shape = random.uniform() < 0.6
      ? `path d="M${place()} ${place()}L${place()} ${place()}"`
      : `circle cx="${place()}" cy="${place()}" r="${
        random.uniform(2, 9).toFixed(1)
      }"`;
    const width = random.uniform(0.7, 2.5).toFixed(1);
    const color = randomColor(random, ANY);
    return `<${shape} fill="none" stroke="${color}" stroke-width="${width}"/>`;
  }).join("");
}

/** The character, some with a shadow, some as a line around it. */
function drawGlyph({ path, box }: Glyph, ink: string, random: Random): string {
  const width = box.x2 - box.x1, height = box.y2 - box.y1;
  const scale = random.uniform(17, 25) / Math.max(height, 0.8 * width);
  const place = (reach: number): string =>
    random.uniform(-reach, reach).toFixed(1);
  const transform = [
    `translate(${SIZE / 2} ${SIZE / 2})`,
    `translate(${place(3)} ${place(3)})`,
    `rotate(${place(15)})`,
    `skewX(${place(10)})`,
    `scale(${(scale * random.uniform(0.8, 1.15)).toFixed(4)} ${
      scale.toFixed(4)
    })`,
    `translate(${-(box.x1 + box.x2) / 2} ${-(box.y1 + box.y2) / 2})`,
  ].join(" ");
  const glyph = (style: string): string =>
    `<path transform="${transform}" d="${path}" ${style}/>`;
  const shadow = random.uniform() < 0.3
    ? `<g opacity="0.5" transform="translate(${place(2)} ${place(2)})">` +
      glyph(`fill="${randomColor(random, ANY)}"`) + `</g>`
    : "";
  return shadow + (random.uniform() < 0.15
    ? glyph(
      `fill="none" stroke="${ink}" stroke-width="${(1.3 / scale).toFixed(1)}"`,
    )
    : glyph(`fill="${ink}"`));
}

/** Noise; values are then multiples of 8, which packs the images smaller. */
function addNoise(pixels: Uint8Array, noise: number, random: Random): void {
  pixels.forEach((value, i) => {
    const changed = Math.round((value + noise * random.normal()) / 8);
    pixels[i] = 8 * Math.max(0, Math.min(31, changed));
  });
}

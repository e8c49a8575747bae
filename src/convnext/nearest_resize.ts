import type { RgbImage } from "../dataset/mod.ts";
import type { Region } from "./region.ts";

/**
 * A region of an image resized as Pillow does with `Resampling.NEAREST`.
 *
 * @param width Width of the whole result in pixels.
 * @param height Height of the whole result in pixels.
 */
export function nearestResize(
  image: RgbImage,
  width: number,
  height: number,
  region: Region,
): RgbImage {
  const columns = nearestSources(image.width, width);
  const rows = nearestSources(image.height, height);
  const data = new Uint8Array(region.width * region.height * 3);
  let to = 0;
  for (let y = region.top; y < region.top + region.height; y++) {
    for (let x = region.left; x < region.left + region.width; x++, to += 3) {
      const from = (rows[y]! * image.width + columns[x]!) * 3;
      data[to] = image.data[from]!;
      data[to + 1] = image.data[from + 1]!;
      data[to + 2] = image.data[from + 2]!;
    }
  }
  return { width: region.width, height: region.height, data };
}

function nearestSources(from: number, to: number): Int32Array {
  const sources = new Int32Array(to);
  const scale = from / to;
  // Pillow adds the step up; multiplying would round differently.
  let center = scale * 0.5;
  for (let i = 0; i < to; i++, center += scale) {
    sources[i] = Math.min(Math.trunc(center), from - 1);
  }
  return sources;
}

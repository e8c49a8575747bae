import type { RgbImage } from "../dataset/mod.ts";

/** A rectangle in pixels. */
export interface Region {
  /** Distance from the left edge. */
  left: number;
  /** Distance from the top edge. */
  top: number;
  /** Width. */
  width: number;
  /** Height. */
  height: number;
}

/** Cuts a rectangle out of an image. */
export function copyRegion(
  image: RgbImage,
  { left, top, width, height }: Region,
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}

import type { RgbImage } from "../dataset/mod.ts";

/** How training images are changed at random. */
export interface AugmentOptions {
  /**
   * Pixels of black that are put around an image before one of its own size is
   * cut out, as torchvision's `RandomCrop(size, padding)`. @default {0}
   */
  randomCrop?: number | undefined;
  /** Mirrors every other image, left to right. @default {false} */
  randomFlip?: boolean | undefined;
}

/**
 * Crops and mirrors an image at random.
 *
 * @param image As the model is going to see it.
 * @param random Gives uniform numbers in [0, 1).
 * @returns An image of the same size; the same one where nothing changes.
 */
export function augment(
  image: RgbImage,
  { randomCrop = 0, randomFlip = false }: AugmentOptions,
  random: () => number,
): RgbImage {
  const shift = (): number =>
    Math.floor(random() * (2 * randomCrop + 1)) - randomCrop;
  const down = randomCrop > 0 ? shift() : 0;
  const right = randomCrop > 0 ? shift() : 0;
  const mirrored = randomFlip && random() < 0.5;
  if (down === 0 && right === 0 && !mirrored) return image;
  const { width, height, data } = image;
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    const fromRow = y + down;
    if (fromRow < 0 || fromRow >= height) continue;
    for (let x = 0; x < width; x++) {
      const fromColumn = x + right;
      if (fromColumn < 0 || fromColumn >= width) continue;
      const from = 3 * (fromRow * width + fromColumn);
      const to = 3 * (y * width + (mirrored ? width - 1 - x : x));
      result[to] = data[from]!;
      result[to + 1] = data[from + 1]!;
      result[to + 2] = data[from + 2]!;
    }
  }
  return { width, height, data: result };
}

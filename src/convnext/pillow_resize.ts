import type { RgbImage } from "../dataset/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { nearestResize } from "./nearest_resize.ts";
import { copyRegion, type Region } from "./region.ts";
import { type Filter, FILTERS, RESAMPLE } from "./resample_filter.ts";

export { type Region, RESAMPLE };

/** How to resize. */
export interface PillowResizeOptions {
  /** Filter, one of {@linkcode RESAMPLE}. @default {3} */
  resample?: number;
  /** The part of the resized image to compute. @default the whole */
  region?: Region;
}

// 8 bits hold the result and 2 more the overshoot of negative lobes.
const PRECISION_BITS = 32 - 8 - 2;

/** For each output pixel: where its source pixels begin, and their weights. */
interface Axis {
  /** First source pixel of each output pixel. */
  first: Int32Array;
  /** Number of source pixels of each output pixel. */
  count: Int32Array;
  /** Fixed-point weights, `stride` for each output pixel. */
  weights: Int32Array;
  stride: number;
}

/**
 * Resizes an image to the very bytes that `Image.resize` of Pillow 13 gives:
 * the filter widens when shrinking, weights are 22-bit fixed point, and pixels
 * are rounded to 8 bits between the two passes. Of these the vertical one comes
 * first where the height shrinks by more than twice what the width does; up to
 * Pillow 12 the horizontal one always did, which can change a pixel a little.
 *
 * @param image The image.
 * @param width Width of the result in pixels.
 * @param height Height of the result in pixels.
 * @throws {ConfigError} If `resample` is no filter of Pillow's.
 * @see https://pillow.readthedocs.io/en/stable/handbook/concepts.html#filters
 */
export function pillowResize(
  image: RgbImage,
  width: number,
  height: number,
  options: PillowResizeOptions = {},
): RgbImage {
  const {
    resample = RESAMPLE.bicubic,
    region = { left: 0, top: 0, width, height },
  } = options;
  if (resample === RESAMPLE.nearest) {
    return nearestResize(image, width, height, region);
  }
  const filter = FILTERS[resample];
  if (!filter) {
    throw new ConfigError(
      `resample is ${resample}, expected one of ${
        Object.entries(RESAMPLE).map(([name, id]) => `${id} (${name})`)
          .join(", ")
      }`,
    );
  }
  const columns = width === image.width
    ? undefined
    : axis(image.width, width, region.left, region.width, filter);
  const rows = height === image.height
    ? undefined
    : axis(image.height, height, region.top, region.height, filter);
  if (!columns && !rows) {
    return copyRegion(image, region);
  }
  const part = neededPart(region, columns, rows);
  if (rows && rowsFirst(image, width, height)) {
    const low = resampleRows(image, rows, 0, part);
    return columns
      ? resampleColumns(low, columns, part.left, 0, low.height)
      : low;
  }
  const narrow = columns
    ? resampleColumns(image, columns, 0, part.top, part.height)
    : copyRegion(image, part);
  return rows
    ? resampleRows(narrow, rows, part.top, {
      ...part,
      left: 0,
      width: narrow.width,
    })
    : narrow;
}

/** Since Pillow 13: rows first, where that is the bigger step by far. */
function rowsFirst(image: RgbImage, width: number, height: number): boolean {
  return height < image.height &&
    image.height - height > 2 * (image.width - width);
}

/** The part of the source that a region of the result depends on. */
function neededPart(
  region: Region,
  columns: Axis | undefined,
  rows: Axis | undefined,
): Region {
  const [left, right] = columns
    ? span(columns)
    : [region.left, region.left + region.width];
  const [top, bottom] = rows
    ? span(rows)
    : [region.top, region.top + region.height];
  return { left, top, width: right - left, height: bottom - top };
}

/** First source pixel of an axis, and the one after the last. */
function span({ first, count }: Axis): [number, number] {
  return [first[0]!, first.at(-1)! + count.at(-1)!];
}

function axis(
  from: number,
  to: number,
  offset: number,
  length: number,
  filter: Filter,
): Axis {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * stride);
  const exact = new Float64Array(stride);
  // Pillow multiplies by the reciprocal: dividing would round differently.
  const inverse = 1 / filterScale;
  for (let i = 0; i < length; i++) {
    const center = (offset + i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let j = 0; j < end - begin; j++) {
      const weight = filter.weight((j + begin - center + 0.5) * inverse);
      exact[j] = weight;
      sum += weight;
    }
    for (let j = 0; j < end - begin; j++) {
      const weight = (sum === 0 ? exact[j]! : exact[j]! / sum) *
        (1 << PRECISION_BITS);
      weights[i * stride + j] = Math.trunc(weight + (weight < 0 ? -0.5 : 0.5));
    }
    first[i] = begin;
    count[i] = end - begin;
  }
  return { first, count, weights, stride };
}

const HALF = 1 << (PRECISION_BITS - 1);

/** @param left Source column where the image given begins. */
function resampleColumns(
  image: RgbImage,
  { first, count, weights, stride }: Axis,
  left: number,
  top: number,
  height: number,
): RgbImage {
  const width = first.length;
  const source = image.data;
  // A clamped array clamps as Pillow's lookup table does.
  const data = new Uint8ClampedArray(width * height * 3);
  for (let y = top, to = 0; y < top + height; y++) {
    const row = (y * image.width - left) * 3;
    for (let x = 0; x < width; x++, to += 3) {
      let red = HALF, green = HALF, blue = HALF;
      let from = row + first[x]! * 3;
      const weight = x * stride;
      const stop = weight + count[x]!;
      for (let k = weight; k < stop; k++, from += 3) {
        const w = weights[k]!;
        red = (red + Math.imul(source[from]!, w)) | 0;
        green = (green + Math.imul(source[from + 1]!, w)) | 0;
        blue = (blue + Math.imul(source[from + 2]!, w)) | 0;
      }
      data[to] = red >> PRECISION_BITS;
      data[to + 1] = green >> PRECISION_BITS;
      data[to + 2] = blue >> PRECISION_BITS;
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/**
 * @param top Source row where the image given begins.
 * @param part Its `left` and `width` say which columns to compute.
 */
function resampleRows(
  image: RgbImage,
  { first, count, weights, stride }: Axis,
  top: number,
  part: Region,
): RgbImage {
  const height = first.length;
  const source = image.data;
  const rowLength = part.width * 3;
  const data = new Uint8ClampedArray(rowLength * height);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < height; y++) {
    // Row by row, so that memory is read in order.
    sums.fill(HALF);
    for (let k = 0; k < count[y]!; k++) {
      const w = weights[y * stride + k]!;
      const from = ((first[y]! - top + k) * image.width + part.left) * 3;
      for (let i = 0; i < rowLength; i++) {
        sums[i] = (sums[i]! + Math.imul(source[from + i]!, w)) | 0;
      }
    }
    const to = y * rowLength;
    for (let i = 0; i < rowLength; i++) {
      data[to + i] = sums[i]! >> PRECISION_BITS;
    }
  }
  return { width: part.width, height, data: new Uint8Array(data.buffer) };
}

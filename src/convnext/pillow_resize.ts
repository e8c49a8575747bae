import type { RgbImage } from "../dataset/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { type Filter, FILTERS, RESAMPLE } from "./resample_filter.ts";

export { RESAMPLE };

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
 * Resizes an image to the very bytes that Pillow's `Image.resize` gives: the
 * filter widens when shrinking, weights are 22-bit fixed point, and rows are
 * rounded to 8 bits between the horizontal and the vertical pass.
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
    return nearest(image, width, height, region);
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
  // Only rows that the vertical pass looks at need the horizontal one.
  const begin = rows ? rows.first[0]! : region.top;
  const end = rows
    ? rows.first.at(-1)! + rows.count.at(-1)!
    : region.top + region.height;
  const narrow = columns
    ? resampleColumns(image, columns, begin, end)
    : copyRegion(image, region.left, begin, region.width, end - begin);
  return rows ? resampleRows(narrow, rows, begin) : narrow;
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

function resampleColumns(
  image: RgbImage,
  { first, count, weights, stride }: Axis,
  begin: number,
  end: number,
): RgbImage {
  const width = first.length;
  const source = image.data;
  // A clamped array clamps as Pillow's lookup table does.
  const data = new Uint8ClampedArray(width * (end - begin) * 3);
  for (let y = begin, to = 0; y < end; y++) {
    const row = y * image.width * 3;
    for (let x = 0; x < width; x++, to += 3) {
      let red = HALF, green = HALF, blue = HALF;
      let from = row + first[x]! * 3;
      const weight = x * stride;
      const stop = weight + count[x]!;
      for (let k = weight; k < stop; k++, from += 3) {
        const w = weights[k]!;
        red = (red + source[from]! * w) | 0;
        green = (green + source[from + 1]! * w) | 0;
        blue = (blue + source[from + 2]! * w) | 0;
      }
      data[to] = red >> PRECISION_BITS;
      data[to + 1] = green >> PRECISION_BITS;
      data[to + 2] = blue >> PRECISION_BITS;
    }
  }
  return { width, height: end - begin, data: new Uint8Array(data.buffer) };
}

function resampleRows(
  image: RgbImage,
  { first, count, weights, stride }: Axis,
  begin: number,
): RgbImage {
  const height = first.length;
  const source = image.data;
  const rowLength = image.width * 3;
  const data = new Uint8ClampedArray(rowLength * height);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < height; y++) {
    // Row by row, so that memory is read in order.
    sums.fill(HALF);
    for (let k = 0; k < count[y]!; k++) {
      const w = weights[y * stride + k]!;
      const from = (first[y]! - begin + k) * rowLength;
      for (let i = 0; i < rowLength; i++) {
        sums[i] = (sums[i]! + source[from + i]! * w) | 0;
      }
    }
    const to = y * rowLength;
    for (let i = 0; i < rowLength; i++) {
      data[to + i] = sums[i]! >> PRECISION_BITS;
    }
  }
  return { width: image.width, height, data: new Uint8Array(data.buffer) };
}

function nearest(
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

function copyRegion(
  image: RgbImage,
  left: number,
  top: number,
  width: number,
  height: number,
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}

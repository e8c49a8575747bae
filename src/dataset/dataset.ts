import { DatasetError } from "../fusion_error.ts";
import type { RgbImage } from "./rgb_image.ts";

/** An image with its label. */
export interface ImageExample {
  /** The image as it is stored, not yet resized. */
  readonly image: RgbImage;
  /** Index of its class. */
  readonly label: number;
}

/** Labelled images, read one at a time. */
export interface ImageClassificationDataset {
  /** What error messages call it: its folder. */
  readonly name: string;
  /** Number of images. */
  readonly length: number;
  /** Class names in order of their labels, where the data set has them. */
  readonly classNames?: readonly string[] | undefined;
  /**
   * Whether those are the names of folders, or labels that are text, sorted:
   * their order is then nobody's choice, and no model's.
   * @default {false}
   */
  readonly classesAreSorted?: boolean | undefined;
  /**
   * Reads an image.
   *
   * @param index 0 to `length - 1`.
   * @throws {DatasetError} If there is no such image or it cannot be read.
   */
  read(index: number): Promise<ImageExample>;
}

/** Some images of a data set. */
export interface ImageBatch {
  /** The images, of any size each. */
  readonly images: RgbImage[];
  /** Their labels. */
  readonly labels: Int32Array;
}

/**
 * A data set's images in order, `batchSize` at a time; the last batch has what
 * is left. While one batch is worked on the next is read.
 *
 * @throws {DatasetError} If the data set is empty, an image cannot be read, or
 * `batchSize` is not a positive whole number.
 */
export async function* batches(
  dataset: ImageClassificationDataset,
  batchSize: number,
): AsyncGenerator<ImageBatch> {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new DatasetError(
      `batch_size is ${batchSize}, expected a positive whole number`,
    );
  }
  if (dataset.length === 0) {
    throw new DatasetError(`${dataset.name}: no images, expected at least one`);
  }
  let next: Promise<ImageBatch> | undefined = readBatch(dataset, 0, batchSize);
  for (let begin = batchSize; next; begin += batchSize) {
    const batch: ImageBatch = await next;
    next = begin < dataset.length
      ? readBatch(dataset, begin, batchSize)
      : undefined;
    // It throws where it is awaited; until then, or if the consumer stops,
    // it must not count as unhandled.
    next?.catch(() => {});
    yield batch;
  }
}

/** Some of a data set's examples. */
export interface ExamplesOptions {
  /** Index of the first. @default {0} */
  begin?: number | undefined;
  /** Index after the last. @default the data set's length */
  end?: number | undefined;
}

/** Images decoded ahead of the one that is worked on. */
const AHEAD = 8;

/**
 * A data set's examples in order, in a stream: a few are decoded ahead, none
 * are kept. Every reader reads in order without going back in its files.
 *
 * @throws {DatasetError} If an image cannot be read.
 */
export async function* examples(
  dataset: ImageClassificationDataset,
  { begin = 0, end = dataset.length }: ExamplesOptions = {},
): AsyncGenerator<ImageExample> {
  const ahead: Promise<ImageExample>[] = [];
  for (let next = begin; next < end || ahead.length > 0;) {
    while (next < end && ahead.length < AHEAD) {
      const example = dataset.read(next++);
      // It throws where it is awaited.
      example.catch(() => {});
      ahead.push(example);
    }
    yield await ahead.shift()!;
  }
}

async function readBatch(
  dataset: ImageClassificationDataset,
  begin: number,
  batchSize: number,
): Promise<ImageBatch> {
  const length = Math.min(batchSize, dataset.length - begin);
  const examples = await Promise.all(
    Array.from({ length }, (_, i) => dataset.read(begin + i)),
  );
  return {
    images: examples.map(({ image }) => image),
    labels: Int32Array.from(examples, ({ label }) => label),
  };
}

/** @throws {DatasetError} If `index` is outside the data set. */
export function checkIndex(
  dataset: ImageClassificationDataset,
  index: number,
): void {
  if (Number.isInteger(index) && index >= 0 && index < dataset.length) return;
  throw new DatasetError(
    `${dataset.name}: no image ${index}, expected 0 to ${dataset.length - 1}`,
  );
}

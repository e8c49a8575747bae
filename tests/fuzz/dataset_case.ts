import { assert } from "@std/assert";
import {
  type ImageClassificationDataset,
  openDataset,
} from "../../src/dataset/mod.ts";
import { FusionError } from "../../src/fusion_error.ts";

/**
 * Longest that one damaged file of some kB may take, in milliseconds: other
 * programs may have the processor meanwhile.
 */
const LONGEST = 30_000;

/** Examples of a damaged data set that are read. */
const MOST_READ = 40;

/**
 * Opens a damaged data set and reads it: gives images that are what they say,
 * or a FusionError of one line that names the place, which is in `folder`.
 */
export async function assertSafeDataset(
  path: string,
  folder: string,
): Promise<void> {
  await assertSafe(folder, async () => {
    const dataset = await openDataset(path);
    assert(Number.isSafeInteger(dataset.length) && dataset.length >= 0);
    for (let i = 0; i < Math.min(dataset.length, MOST_READ); i++) {
      await assertSafe(folder, () => readOne(dataset, i));
    }
  });
}

async function readOne(
  dataset: ImageClassificationDataset,
  index: number,
): Promise<void> {
  const { image, label } = await dataset.read(index);
  assert(image.data.length === 3 * image.width * image.height);
  assert(Number.isInteger(label) && label >= 0);
  assert(label < (dataset.classNames?.length ?? 2 ** 31));
}

/** Works on what cannot be trusted: it ends soon, well or with a message. */
export async function assertSafe(
  place: string,
  work: () => Promise<unknown>,
): Promise<void> {
  const begin = performance.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FusionError)) throw error;
    assert(error.message.includes(place), error.message);
    assert(!/[\n\r]/.test(error.message), error.message);
    assert(error.message.length < 2000, error.message);
  }
  const took = performance.now() - begin;
  assert(took < LONGEST, `took ${took} ms`);
}

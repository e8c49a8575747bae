import { assertEquals } from "@std/assert";
import type { ImageClassificationDataset } from "../../src/dataset/mod.ts";
import { examples } from "../../src/dataset/mod.ts";
import { dataPath } from "../reference.ts";

/** What Python says of `tests/data/datasets`. */
interface Expected {
  names: string[];
  labels: number[];
  /** First half of the SHA-256 of each image's RGB bytes. */
  pixels: string[];
  permutations: { length: number; seed: number; numbers: number[] }[];
}

/** Folder of the data sets that Python wrote. */
export const DATASETS: string = dataPath("tests/data/datasets");

/** What Python says of them. */
export const EXPECTED: Expected = JSON.parse(
  Deno.readTextFileSync(`${DATASETS}/expected.json`),
);

/** Asserts that a data set has the given of Python's rows, pixel by pixel. */
export async function assertRows(
  dataset: ImageClassificationDataset,
  rows: readonly number[],
  names: readonly string[] = EXPECTED.names,
): Promise<void> {
  assertEquals(dataset.length, rows.length);
  const found: [string, string][] = [];
  for await (const { image, label } of examples(dataset)) {
    assertEquals(image.data.length, 3 * image.width * image.height);
    const digest = await crypto.subtle.digest(
      "SHA-256",
      new Uint8Array(image.data),
    );
    found.push([
      new Uint8Array(digest).toHex().slice(0, 16),
      (dataset.classNames ?? names)[label]!,
    ]);
  }
  assertEquals(
    found,
    rows.map((row) => [
      EXPECTED.pixels[row]!,
      EXPECTED.names[EXPECTED.labels[row]!]!,
    ]),
  );
}

/** The numbers [begin, end). */
export function range(begin: number, end: number): number[] {
  return Array.from({ length: end - begin }, (_, i) => begin + i);
}

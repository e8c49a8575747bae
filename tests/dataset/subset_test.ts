import { assertEquals, assertThrows } from "@std/assert";
import {
  examples,
  type ImageClassificationDataset,
  randomPermutation,
  trainValidationSplit,
} from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";
import { EXPECTED } from "./expected_datasets.ts";

function numbered(length: number): ImageClassificationDataset {
  const image = { width: 1, height: 1, data: new Uint8Array(3) };
  return {
    name: "numbers",
    length,
    read: (label) => Promise.resolve({ image, label }),
  };
}

async function labelsOf(
  dataset: ImageClassificationDataset,
): Promise<number[]> {
  const labels = [];
  for await (const { label } of examples(dataset)) labels.push(label);
  return labels;
}

Deno.test("permutations are torch's", () => {
  for (const { length, seed, numbers } of EXPECTED.permutations) {
    assertEquals([...randomPermutation(length, seed)], numbers);
  }
});

Deno.test("a validation split is torch's random_split", async () => {
  const { length, seed, numbers } = EXPECTED.permutations.at(-1)!;
  for (
    const [options, size] of [
      [{}, 80],
      [{ validation_fraction: 0.25 }, 200],
      [{ validation_fraction: null, validation_size: 3 }, 3],
    ] as const
  ) {
    for (
      const [return_split, expected] of [
        ["train", numbers.slice(0, length - size)],
        ["val", numbers.slice(length - size)],
      ] as const
    ) {
      const part = trainValidationSplit(numbered(length), {
        ...options,
        random_seed: seed,
        return_split,
      });
      assertEquals(await labelsOf(part), expected);
    }
  }
  assertThrows(
    () =>
      trainValidationSplit(numbered(5), {
        validation_size: 5,
        return_split: "val",
      }),
    DatasetError,
    "numbers: 5 of 5 images for validation, expected a part",
  );
});

Deno.test("examples come in order, a few are read ahead", async () => {
  const asked: number[] = [];
  const dataset = {
    ...numbered(100),
    read: async (label: number) => {
      asked.push(label);
      await new Promise((done) => setTimeout(done, label % 3));
      return (await numbered(100).read(label));
    },
  };
  const seen: number[] = [];
  for await (const { label } of examples(dataset, { begin: 10, end: 60 })) {
    seen.push(label);
    if (seen.length === 20) break;
  }
  assertEquals(seen, Array.from({ length: 20 }, (_, i) => 10 + i));
  assertEquals(asked.length < 40, true);
});

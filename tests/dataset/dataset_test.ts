import { assertEquals, assertRejects } from "@std/assert";
import {
  batches,
  type ImageClassificationDataset,
} from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";

/** Images of one pixel that holds their number; notes what is read. */
function numbered(
  length: number,
  reads: number[] = [],
  broken = -1,
): ImageClassificationDataset {
  return {
    name: "numbered",
    length,
    async read(index) {
      reads.push(index);
      await Promise.resolve();
      if (index === broken) throw new DatasetError(`image ${index} is broken`);
      return {
        image: { width: 1, height: 1, data: Uint8Array.of(index, 0, 0) },
        label: 100 + index,
      };
    },
  };
}

Deno.test("batches cover every image once, in order", async () => {
  for (const size of [1, 2, 3, 7, 8, 100]) {
    const seen: number[] = [];
    const sizes: number[] = [];
    for await (const { images, labels } of batches(numbered(7), size)) {
      assertEquals(images.length, labels.length);
      sizes.push(labels.length);
      seen.push(...images.map(({ data }) => data[0]!));
      assertEquals(
        [...labels],
        images.map(({ data }) => 100 + data[0]!),
      );
    }
    assertEquals(seen, [0, 1, 2, 3, 4, 5, 6]);
    assertEquals(sizes.slice(0, -1).every((n) => n === size), true);
  }
});

Deno.test("one batch is read ahead, not more", async () => {
  const reads: number[] = [];
  const iterator = batches(numbered(9, reads), 2);
  await iterator.next();
  assertEquals(reads, [0, 1, 2, 3]);
  await iterator.next();
  assertEquals(reads, [0, 1, 2, 3, 4, 5]);
  await iterator.return(undefined);
  assertEquals(reads, [0, 1, 2, 3, 4, 5]);
});

Deno.test("a broken image fails its batch, and no earlier one", async () => {
  const iterator = batches(numbered(6, [], 3), 2);
  assertEquals((await iterator.next()).done, false);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await assertRejects(() => iterator.next(), DatasetError, "image 3 is broken");
});

Deno.test("stopping before a broken image raises nothing", async () => {
  for await (const _ of batches(numbered(6, [], 3), 2)) break;
  await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("no images, or no batch size, is an error", async () => {
  await assertRejects(
    () => batches(numbered(0), 2).next(),
    DatasetError,
    "numbered: no images",
  );
  for (const size of [0, -1, 1.5, NaN]) {
    await assertRejects(
      () => batches(numbered(3), size).next(),
      DatasetError,
      `batch_size is ${size}`,
    );
  }
});

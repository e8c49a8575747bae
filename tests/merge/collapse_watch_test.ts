import { assertEquals } from "@std/assert";
import { CollapseWatch } from "../../src/merge/mod.ts";

/** Logits that predict these labels, of four classes. */
function logits(labels: readonly number[]): Float32Array {
  return Float32Array.from(
    labels.flatMap((label) =>
      Array.from({ length: 4 }, (_, i) => i === label ? 1 : 0)
    ),
  );
}

Deno.test("CollapseWatch tells of predictions that come to be of few classes", () => {
  const watch = new CollapseWatch();
  for (let i = 0; i < 4; i++) watch.add("shapes", logits([0, 1, 2, 3]), 4);
  for (let i = 0; i < 4; i++) watch.add("shapes", logits([2, 2, 2, 2]), 4);
  assertEquals(watch.findings(), [
    "task shapes: predictions collapse to few classes: effectively 1.0 of 4 over the last 16 images, 4.0 over the first",
  ]);
});

Deno.test("CollapseWatch is quiet where predictions stay, or were never of many classes, or are few", () => {
  const watch = new CollapseWatch();
  for (let i = 0; i < 8; i++) watch.add("stays", logits([0, 1, 2, 3]), 4);
  for (let i = 0; i < 8; i++) watch.add("one", logits([1, 1, 1, 1]), 4);
  watch.add("few", logits([0, 1, 2, 3, 0, 0, 0, 0]), 4);
  assertEquals(watch.findings(), []);
});

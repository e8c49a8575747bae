import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { memoryStateDict } from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";

const tensors = {
  "layer.weight": { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  "layer.bias": {
    shape: [],
    data: Float32Array.of(5),
    dtype: "BF16",
  },
} as const;

Deno.test("memoryStateDict() takes a record or a map", async () => {
  for (const input of [tensors, new Map(Object.entries(tensors))]) {
    const memory = memoryStateDict(input, "here");
    assertEquals(memory.source, "here");
    assertEquals(memory.names, ["layer.weight", "layer.bias"]);
    assertEquals(memory.info("layer.weight").dtype, "F32");
    assertEquals(memory.info("layer.bias"), { dtype: "BF16", shape: [] });
    assertEquals([...await memory.read("layer.weight")], [1, 2, 3, 4]);
    assertEquals([...await memory.read("layer.weight", 1, 3)], [2, 3]);
    const target = new Float32Array(3);
    await memory.readInto!("layer.weight", 2, 4, target);
    assertEquals([...target], [3, 4, 0]);
  }
});

Deno.test("what memoryStateDict() gives is the caller's to change", async () => {
  const memory = memoryStateDict(tensors, "here");
  (await memory.read("layer.bias")).fill(9);
  assertEquals([...await memory.read("layer.bias")], [5]);
});

Deno.test("memoryStateDict() refuses as files do", async () => {
  const memory = memoryStateDict(tensors, "here");
  await assertRejects(() => memory.read("no"), CheckpointError, "here has no");
  await assertRejects(
    () => memory.read("layer.weight", 2, 5),
    CheckpointError,
    `here: tensor "layer.weight" has 4 elements`,
  );
  await assertRejects(
    () => memory.readInto!("layer.weight", 0, 4, new Float32Array(3)),
    CheckpointError,
    "do not fit into an array of 3",
  );
  assertThrows(
    () =>
      memoryStateDict({ x: { shape: [3], data: new Float32Array(2) } }, "m"),
    CheckpointError,
    `m: tensor "x" has 2 elements, expected 3 for the shape [3]`,
  );
});

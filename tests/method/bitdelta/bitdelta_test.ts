import { assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

Deno.test("bitdelta keeps signs and one scale of linear weights", async () => {
  for (const chunkSize of [1, 100]) {
    const merged = await mergeTiny("bitdelta/bitdelta", {}, {
      pretrained: { "pwconv1.weight": [1, 1, 1, 1], "dwconv.weight": [0, 0] },
      models: {
        a: { "pwconv1.weight": [4, 0, 1, -3], "dwconv.weight": [5, -7] },
      },
      chunkSize,
    });
    // Mean magnitude of [3, -1, 0, -4]: 2.
    assertEquals(merged, {
      "pwconv1.weight": [3, -1, 3, -1],
      "dwconv.weight": [5, -7],
    });
  }
});

Deno.test("bitdelta compresses what it compressed to itself", async () => {
  const pretrained = { "pwconv2.weight": [0, 0, 0] };
  const once = await mergeTiny("bitdelta/bitdelta", {}, {
    pretrained,
    models: { a: { "pwconv2.weight": [1, -2, 6] } },
  });
  assertEquals(once, { "pwconv2.weight": [3, -3, 3] });
  assertEquals(
    await mergeTiny("bitdelta/bitdelta", {}, { pretrained, models: { once } }),
    once,
  );
});

Deno.test("bitdelta refuses more than one expert", async () => {
  await assertRejects(
    () => mergeMicro("bitdelta/bitdelta"),
    MethodError,
    "expected exactly 1",
  );
});

import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../merge_case.ts";

Deno.test("simple_average equals FusionBench's", async () => {
  const difference = await microDifference("simple_average", "simple_average");
  assert(difference < 5e-5, `differs by ${difference}`);
});

Deno.test("simple_average of one model is that model", async () => {
  const merged = await mergeTiny("simple_average", {}, {
    models: { only: { "layernorm.weight": [1, -2.5, 0.125] } },
  });
  assertEquals(merged, { "layernorm.weight": [1, -2.5, 0.125] });
});

Deno.test("simple_average does not depend on the models' order", async () => {
  const a = { w: [1, 2, 3] };
  const b = { w: [3, 6, -3] };
  const merged = await mergeTiny("simple_average", {}, { models: { a, b } });
  assertEquals(merged, { w: [2, 4, 0] });
  assertEquals(
    await mergeTiny("simple_average", {}, { models: { b, a } }),
    merged,
  );
});

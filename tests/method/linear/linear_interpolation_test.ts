import { assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

const pool = {
  pretrained: { w: [100, 100] },
  models: { a: { w: [4, 8] }, b: { w: [8, 0] } },
};

Deno.test("linear_interpolation goes from the first model to the second", async () => {
  const at = (t: number) =>
    mergeTiny("linear/linear_interpolation", { t }, pool);
  assertEquals(await at(0), pool.models.a);
  assertEquals(await at(0.25), { w: [5, 6] });
  assertEquals(await at(1), pool.models.b);
});

Deno.test("linear_interpolation halfway is the simple average", async () => {
  const models = ["alpha", "beta"];
  const halfway = await mergeMicro("linear/linear_interpolation", {}, {
    models,
    chunkSize: 1000,
  });
  const average = await mergeMicro("simple_average", {}, { models });
  for (const name of average.names) {
    assertEquals(await halfway.read(name), await average.read(name));
  }
});

Deno.test("linear_interpolation refuses other than two models and t beyond 0 to 1", async () => {
  await assertRejects(
    () => mergeMicro("linear/linear_interpolation"),
    MethodError,
    "has 3 models to merge (alpha, beta, gamma), expected exactly 2",
  );
  await assertRejects(
    () => mergeTiny("linear/linear_interpolation", { t: 1.5 }, pool),
    MethodError,
    "t is 1.5",
  );
});

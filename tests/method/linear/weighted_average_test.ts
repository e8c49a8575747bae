import { assert, assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("weighted_average equals FusionBench's", async () => {
  const difference = await microDifference(
    "weighted_average",
    "linear/weighted_average",
    { normalize: true, weights: [1, 2, 3] },
  );
  assert(difference < 5e-5, `differs by ${difference}`);
});

const models = { a: { w: [4, 8] }, b: { w: [8, -4] } };

Deno.test("weighted_average without normalize uses the weights as they are", async () => {
  assertEquals(
    await mergeTiny("linear/weighted_average", {
      normalize: false,
      weights: [1, 0.5],
    }, { models }),
    { w: [8, 6] },
  );
});

Deno.test("weighted_average needs a weight for each model", async () => {
  await assertRejects(
    () => mergeTiny("linear/weighted_average", { weights: [1] }, { models }),
    MethodError,
    "weights has 1 entries, expected one for each of the 2 models (a, b)",
  );
});

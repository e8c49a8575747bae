import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
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

Deno.test("a weight may go over from one model to another by depth", async () => {
  const shallow = "encoder.stages.0.layers.0.dwconv.bias";
  const middle = "encoder.stages.0.layers.1.dwconv.bias";
  const deep = "encoder.stages.0.layers.2.dwconv.bias";
  const model = (value: number) => ({
    [shallow]: [value],
    [middle]: [value],
    [deep]: [value],
  });
  const merged = await mergeTiny("linear/weighted_average", {
    weights: [[1, 0], { "layers.2": 3, "*": [0, 1] }],
  }, { models: { a: model(2), b: model(6) } });
  assertEquals(merged, { [shallow]: [2], [middle]: [4], [deep]: [6] });
});

Deno.test("weights that sum to 0 in one tensor are refused by name", async () => {
  const error = await assertRejects(
    () =>
      mergeTiny("linear/weighted_average", {
        weights: [1, { bias: -1, "*": 1 }],
      }, {
        models: { a: { bias: [1] }, b: { bias: [2] } },
      }),
    MethodError,
  );
  assertStringIncludes((error as Error).message, "sum to 0");
});

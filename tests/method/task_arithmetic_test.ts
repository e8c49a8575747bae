import { assert, assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../src/fusion_error.ts";
import { mergeTiny, microDifference } from "../merge_case.ts";

Deno.test("task_arithmetic equals FusionBench's", async () => {
  const difference = await microDifference(
    "task_arithmetic",
    "task_arithmetic",
    { scaling_factor: 0.3 },
  );
  assert(difference < 5e-5, `differs by ${difference}`);
});

const pretrained = { w: [1, 1, 1, 1] };
const models = { a: { w: [2, 1, 1, 0] }, b: { w: [1, 3, 1, 1] } };

Deno.test("task_arithmetic with scaling_factor 0 gives the pretrained model", async () => {
  assertEquals(
    await mergeTiny("task_arithmetic", { scaling_factor: 0 }, {
      pretrained,
      models,
    }),
    pretrained,
  );
});

Deno.test("task_arithmetic takes a scaling_factor for each model", async () => {
  assertEquals(
    await mergeTiny("task_arithmetic", { scaling_factor: { a: 1, b: 0.5 } }, {
      pretrained,
      models,
    }),
    { w: [2, 2, 1, 0] },
  );
});

Deno.test("task_arithmetic takes a gradient over depth", async () => {
  const tensors = (value: number): Record<string, number[]> => ({
    "embeddings.layernorm.weight": [value],
    "encoder.stages.0.layers.0.dwconv.bias": [value],
    "encoder.stages.1.layers.0.dwconv.bias": [value],
    "encoder.stages.1.layers.1.dwconv.bias": [value],
    "layernorm.weight": [value],
  });
  assertEquals(
    Object.values(
      await mergeTiny("task_arithmetic", { scaling_factor: [0, 1, 0.5] }, {
        pretrained: tensors(0),
        models: { a: tensors(1) },
      }),
    ),
    [[0], [0], [1], [0.5], [0.5]],
  );
});

Deno.test("task_arithmetic needs _pretrained_", async () => {
  await assertRejects(
    () => mergeTiny("task_arithmetic", {}, { models }),
    MethodError,
    "_pretrained_",
  );
});

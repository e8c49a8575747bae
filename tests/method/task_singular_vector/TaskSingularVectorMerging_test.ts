import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("TSV merging gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "tsvm",
    "task_singular_vector/TaskSingularVectorMerging",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("TSV merging of orthogonal tasks adds their top directions", async () => {
  // Each of two tasks keeps one of its two directions, the larger one.
  const merged = await mergeTiny(
    "task_singular_vector/TaskSingularVectorMerging",
    { alpha: 0.5 },
    {
      pretrained: { w: [1, 1, 1, 1] },
      models: { a: { w: [5, 1, 1, 2] }, b: { w: [2, 1, 1, 3] } },
      shapes: { w: [2, 2] },
    },
  );
  merged.w!.forEach((value, i) =>
    assert(Math.abs(value - [3, 1, 1, 2][i]!) < 1e-6, `${merged.w}`)
  );
});

Deno.test("TSV merging refuses a list of another length", async () => {
  const error = await assertRejects(
    () =>
      mergeTiny("task_singular_vector/TaskSingularVectorMerging", {
        alpha: [1, 2, 3],
      }, {
        pretrained: { w: [0] },
        models: { a: { w: [1] }, b: { w: [2] } },
      }),
    MethodError,
  );
  assertStringIncludes((error as Error).message, "alpha has 3 entries");
});

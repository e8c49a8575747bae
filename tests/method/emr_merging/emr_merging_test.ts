import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryStateDict } from "../../../src/checkpoint/mod.ts";
import { stateDictOf } from "../../../src/convnext/mod.ts";
import { MethodError } from "../../../src/fusion_error.ts";
import { loadMethod } from "../../../src/method/mod.ts";
import { mergeModels } from "../../../src/modelpool/mod.ts";
import { mergeTiny } from "../../merge_case.ts";
import { relativeDifference } from "../../reference.ts";
import {
  microModelPool,
  taskBackbone,
  taskDifference,
} from "../../task_masks_case.ts";
import { testBackend } from "../../test_backend.ts";

Deno.test("emr_merging: shared backbone and every task's equal FusionBench's", async () => {
  const difference = await taskDifference(
    "emr_merging",
    "emr_merging/emr_merging",
  );
  assert(difference < 5e-5, `differs by ${difference}`);
});

Deno.test("emr_merging elects the sum's sign and the largest value of that sign", async () => {
  assertEquals(
    await mergeTiny("emr_merging/emr_merging", {}, {
      pretrained: { w: [10, 10, 10, 10, 10] },
      models: {
        // Sums: 5, -2, 0 (elects the negative sign), 0 of zeros, 1.
        a: { w: [13, 11, 11, 10, 8] },
        b: { w: [12, 7, 9, 10, 13] },
      },
    }),
    { w: [13, 7, 9, 10, 13] },
  );
});

Deno.test("emr_merging: masks and rescalers worked by hand", async () => {
  await testBackend();
  const { method } = await loadMethod("emr_merging/emr_merging");
  const of = (tensors: Record<string, number[]>) =>
    memoryStateDict(
      new Map(
        Object.entries(tensors).map(([name, values]) => [name, {
          shape: [values.length],
          data: Float32Array.from(values),
        }]),
      ),
      "hand",
    );
  const scales = await method.taskMasks!.scales!(
    {
      pretrained: of({ u: [0, 0], v: [0, 0, 0, 0] }),
      models: new Map([
        ["a", of({ u: [3, -1], v: [2, 0, 0, 0] })],
        ["b", of({ u: [1, -3], v: [-6, 0, 0, 4] })],
        ["silent", of({ u: [0, 0], v: [0, 0, 0, 0] })],
      ]),
    },
    {},
    { targets: new Map([["u", [2]], ["v", [4]]]), chunkSize: 3 },
  );
  // Unified: u [3, -3], v [-6, 0, 0, 4]. Means of own magnitudes, added up over
  // u and v: a 2 + 1/2, b 2 + 10/4. Masked unified: a 3 + 0, b 3 + 10/4.
  assertEquals(scales, [2.5 / 3, 4.5 / 5.5, 1]);
});

Deno.test("emr_merging gives a single expert back", async () => {
  await testBackend();
  const pool = microModelPool(["beta"]);
  const model = await mergeModels(
    pool,
    await loadMethod("emr_merging/emr_merging"),
  );
  assertEquals(
    await model.masks!.masks.get("beta")!.read("scale"),
    Float32Array.of(1),
  );
  const expert = await pool.openStateDict("beta");
  const task = taskBackbone(model, "beta");
  const merged = stateDictOf(model.model);
  for (const name of task.names) {
    if (!name.startsWith("convnext.")) continue;
    const values = await task.read(name);
    assertEquals(values, await merged.read(name));
    // pretrained + (expert - pretrained) rounds twice.
    const difference = relativeDifference(values, await expert.read(name));
    assert(!(difference > 2e-7), `${name} differs by ${difference}`);
  }
  expert.close();
  await model.dispose();
});

Deno.test("emr_merging needs _pretrained_", async () => {
  await assertRejects(
    () =>
      mergeTiny("emr_merging/emr_merging", {}, { models: { a: { w: [1] } } }),
    MethodError,
    "_pretrained_",
  );
});

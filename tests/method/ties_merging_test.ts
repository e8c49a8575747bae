import { assert, assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../src/fusion_error.ts";
import { mergeMicro, mergeTiny, microDifference } from "../merge_case.ts";

for (
  const [golden, parameters] of Object.entries({
    ties_sum: { scaling_factor: 0.3, threshold: 20, merge_func: "sum" },
    ties_mean: { scaling_factor: 1, threshold: 0.35, merge_func: "mean" },
    ties_max: { scaling_factor: 0.5, threshold: 10, merge_func: "max" },
  })
) {
  Deno.test(`ties_merging gives FusionBench's ${golden}`, async () => {
    const difference = await microDifference(
      golden,
      "ties_merging",
      parameters,
    );
    assert(difference <= 5e-5, `${difference}`);
  });
}

// Kept of four: a [4, ., ., 3], b [-1, ., ., 5] of [-1, 0.5, 0, 5].
const pool = {
  pretrained: { w: [0, 0, 10, 0] },
  models: { a: { w: [4, 1, 11, 3] }, b: { w: [-1, 0.5, 10, 5] } },
};

Deno.test("ties_merging trims, elects signs and merges what agrees", async () => {
  const merge = (merge_func: string) =>
    mergeTiny("ties_merging", {
      scaling_factor: 1,
      // k-th smallest of 4 - 1: the two largest magnitudes stay.
      threshold: 0.25,
      merge_func,
    }, pool);
  assertEquals(await merge("sum"), { w: [4, 0, 10, 8] });
  assertEquals(await merge("mean"), { w: [4, 0, 10, 4] });
  assertEquals(await merge("max"), { w: [4, 0, 10, 5] });
});

Deno.test("ties_merging lets the majority decide where values cancel", async () => {
  const merge = (merge_func: string, sign: number) =>
    mergeTiny("ties_merging", {
      scaling_factor: 1,
      threshold: 1,
      merge_func,
    }, {
      pretrained: { v: [0, 0], w: [0] },
      models: {
        a: { v: [2, sign], w: [sign] },
        b: { v: [-2, sign], w: [sign] },
      },
      chunkSize: 1,
    });
  assertEquals(await merge("sum", 1), { v: [2, 2], w: [2] });
  assertEquals(await merge("sum", -1), { v: [-2, -2], w: [-2] });
  assertEquals(await merge("max", -1), { v: [-2, -1], w: [-1] });
  // No sign has the majority: FusionBench's choice.
  assertEquals(await merge("sum", 0), { v: [-2, 0], w: [0] });
  assertEquals(await merge("max", 0), { v: [0, 0], w: [0] });
});

Deno.test("ties_merging that keeps everything of one model is task arithmetic", async () => {
  const models = ["alpha"];
  const ties = await mergeMicro("ties_merging", { threshold: 100 }, { models });
  const plain = await mergeMicro("task_arithmetic", {}, { models });
  for (const name of plain.names) {
    assertEquals(await ties.read(name), await plain.read(name));
  }
});

Deno.test("ties_merging leaves remove_keys as pretrained has them", async () => {
  const merged = await mergeTiny("ties_merging", {
    scaling_factor: 1,
    threshold: 1,
    remove_keys: ["convnext.v", "not.there"],
  }, {
    pretrained: { v: [1], w: [0, 0] },
    models: { a: { v: [90], w: [1, 2] } },
  });
  assertEquals(merged, { v: [1], w: [1, 2] });
});

Deno.test("ties_merging's threshold may differ by model, not by tensor", async () => {
  const threshold = { a: 1, "*": 0 };
  assertEquals(
    await mergeTiny("ties_merging", { scaling_factor: 1, threshold }, pool),
    { w: [4, 1, 11, 8] },
  );
  await assertRejects(
    () => mergeTiny("ties_merging", { threshold: [0.2, 0.4] }, pool),
    MethodError,
    "threshold: found [0.2,0.4], but it counts over a whole model",
  );
});

Deno.test("ties_merging refuses what it cannot use", async () => {
  await assertRejects(
    () => mergeTiny("ties_merging", { threshold: 101 }, pool),
    MethodError,
    "threshold is 101",
  );
  await assertRejects(
    () => mergeTiny("ties_merging", {}, { models: pool.models }),
    MethodError,
    "the model pool has no _pretrained_",
  );
});

import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

for (
  const [golden, parameters] of Object.entries({
    opcm_ties_merging: {},
    opcm_ties_merging_mean: { threshold: 30, merge_func: "mean" },
  })
) {
  Deno.test(`${golden} gives FusionBench's numbers`, async () => {
    const difference = await microDifference(
      `../merge_more/${golden}`,
      "opcm/ties_merging",
      { shuffle_order: false, ...parameters },
    );
    assert(difference <= 1e-5, `${difference}`);
  });
}

Deno.test("continual TIES of one model is task arithmetic", async () => {
  const pool = { pretrained: { w: [1, 2] }, models: { a: { w: [2, 6] } } };
  assertEquals(
    await mergeTiny("opcm/ties_merging", { scaling_factor: 0.25 }, pool),
    await mergeTiny("task_arithmetic", { scaling_factor: 0.25 }, pool),
  );
});

Deno.test("continual TIES keeps what remove_keys names", async () => {
  const merged = await mergeTiny("opcm/ties_merging", {
    shuffle_order: false,
    remove_keys: ["convnext.b"],
    threshold: 100,
    scaling_factor: 1,
  }, {
    pretrained: { b: [1], w: [0, 0] },
    models: { a: { b: [5], w: [1, 2] }, c: { b: [7], w: [1, 4] } },
  });
  // a, then a + TIES(a, c) with all kept: 1 + (1 + 1), 2 + (2 + 4).
  assertEquals(merged, { b: [1], w: [3, 8] });
});

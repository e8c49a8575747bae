import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("dop gives FusionBench's numbers", async () => {
  const difference = await microDifference("../merge_more/dop", "dop/dop", {
    shuffle_order: false,
    num_steps: 50,
    ema_beta: 0.9,
    svd_epsilon: 0.9,
  });
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("dop with fixed weights gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/dop_fixed",
    "dop/dop_general",
    {
      shuffle_order: false,
      num_steps: 20,
      mgda: false,
      alpha: 0.7,
      svd_epsilon: 0.9,
      svd_proj_space: "u",
    },
  );
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("dop without steps averages each model with what came before", async () => {
  const merged = await mergeTiny("dop/dop", {
    num_steps: 0,
    shuffle_order: false,
  }, {
    pretrained: { w: [0] },
    models: { a: { w: [4] }, b: { w: [8] }, c: { w: [2] } },
  });
  assertEquals(merged.w, [4]);
});

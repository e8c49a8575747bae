import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("opcm gives FusionBench's numbers", async () => {
  const difference = await microDifference("../merge_more/opcm", "opcm/opcm", {
    shuffle_order: false,
  });
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("opcm keeps one model as it is, and the mean norm of more", async () => {
  const pretrained = { w: [0, 0, 0, 0] };
  const shapes = { w: [2, 2] };
  const a = { w: [3, 0, 0, 1] };
  const one = await mergeTiny("opcm/opcm", {}, {
    pretrained,
    models: { a },
    shapes,
  });
  assertEquals(one.w, a.w);
  const two = await mergeTiny("opcm/opcm", {}, {
    pretrained,
    models: { a, b: { w: [0, 5, -2, 0] } },
    shapes,
  });
  const mean = (Math.hypot(3, 1) + Math.hypot(5, 2)) / 2;
  assert(Math.abs(Math.hypot(...two.w!) - mean) < 1e-5, `${two.w}`);
});

Deno.test("opcm's order is the seed's", async () => {
  const merge = (seed: number) =>
    mergeTiny("opcm/opcm", { seed }, {
      pretrained: { "pwconv1.weight": [0, 0, 0, 0] },
      models: {
        a: { "pwconv1.weight": [3, 1, 0, 1] },
        b: { "pwconv1.weight": [1, 5, -2, 0] },
        c: { "pwconv1.weight": [1, 1, 2, 7] },
      },
      shapes: { "pwconv1.weight": [2, 2] },
    });
  assertEquals(await merge(1), await merge(1));
  const seeds = await Promise.all([0, 1, 2, 3, 4, 5].map(merge));
  assert(
    new Set(seeds.map((merged) => `${merged["pwconv1.weight"]}`)).size > 1,
  );
});

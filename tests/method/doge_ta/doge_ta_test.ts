import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("doge_ta gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/doge_ta",
    "doge_ta/doge_ta",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("doge_ta leaves all but the linear layers as pretrained", async () => {
  const merged = await mergeTiny("doge_ta/doge_ta", {}, {
    pretrained: { "pwconv1.weight": [0, 0, 0, 0], bias: [1, 2] },
    models: { a: { "pwconv1.weight": [1, 0, 0, 1], bias: [3, 3] } },
    shapes: { "pwconv1.weight": [2, 2] },
  });
  assertEquals(merged.bias, [1, 2]);
});

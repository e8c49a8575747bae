import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("expo gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "expo",
    "linear/expo",
    { extrapolation_factor: 0.1 },
    ["alpha"],
  );
  assert(difference <= 5e-5, `${difference}`);
});

Deno.test("expo averages several experts, then extrapolates", async () => {
  const merged = await mergeTiny("linear/expo", { extrapolation_factor: 0.5 }, {
    pretrained: { w: [1, 0] },
    models: { a: { w: [3, 1] }, b: { w: [7, -1] } },
  });
  assertEquals(merged, { w: [7, 0] });
});

import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("magmax gives FusionBench's numbers", async () => {
  const difference = await microDifference("magmax", "magmax/magmax", {
    scaling_factor: 0.5,
  });
  assert(difference <= 5e-5, `${difference}`);
});

Deno.test("magmax takes the largest magnitude, of equal ones the later", async () => {
  const merged = await mergeTiny("magmax/magmax", { scaling_factor: 0.5 }, {
    pretrained: { w: [10, 10, 10] },
    models: { a: { w: [14, 8, 11] }, b: { w: [9, 12, 10] } },
  });
  assertEquals(merged, { w: [12, 11, 10.5] });
});

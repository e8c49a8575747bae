import { assert } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("iso_cts gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "iso_cts",
    "isotropic_merging/iso_cts",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("iso_cts with one common space is iso_c", async () => {
  const pool = {
    pretrained: { w: [0, 0, 0, 0, 0, 0] },
    models: { a: { w: [4, 1, 0, 1, 2, 0] }, b: { w: [2, 0, 1, 0, 1, 5] } },
    shapes: { w: [2, 3] },
  };
  const common = await mergeTiny("isotropic_merging/iso_c", {}, pool);
  const both = await mergeTiny("isotropic_merging/iso_cts", {
    common_space_fraction: 1,
  }, pool);
  both.w!.forEach((value, i) =>
    assert(Math.abs(value - common.w![i]!) < 1e-5, `${both.w} ${common.w}`)
  );
});

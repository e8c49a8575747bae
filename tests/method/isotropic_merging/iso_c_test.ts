import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("iso_c gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "iso_c",
    "isotropic_merging/iso_c",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("iso_c gives all directions the mean singular value", async () => {
  // The sum is diag(3, 1): both singular values become 2.
  const merged = await mergeTiny("isotropic_merging/iso_c", {
    scaling_factor: 0.5,
  }, {
    pretrained: { w: [1, 1, 1, 1], bias: [0, 0] },
    models: {
      a: { w: [3, 1, 1, 1], bias: [4, 0] },
      b: { w: [2, 1, 1, 2], bias: [0, 2] },
    },
    shapes: { w: [2, 2] },
  });
  merged.w!.forEach((value, i) =>
    assert(Math.abs(value - [2, 1, 1, 2][i]!) < 1e-6, `${merged.w}`)
  );
  assertEquals(merged.bias, [1, 0.5]);
});

Deno.test("iso_c averages matrices in exclude_keys", async () => {
  const merged = await mergeTiny("isotropic_merging/iso_c", {
    exclude_keys: ["convnext.w"],
  }, {
    pretrained: { w: [0, 0, 0, 0] },
    models: { a: { w: [4, 0, 0, 1] }, b: { w: [2, 0, 0, 0] } },
    shapes: { w: [2, 2] },
  });
  assertEquals(merged.w, [3, 0, 0, 0.5]);
});

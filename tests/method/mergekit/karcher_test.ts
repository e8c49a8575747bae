import { assert } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("karcher gives mergekit's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/karcher",
    "mergekit/karcher",
    {},
  );
  assert(difference <= 5e-5, `${difference}`);
});

Deno.test("karcher finds the middle of an arc, whatever the lengths", async () => {
  const merged = await mergeTiny("mergekit/karcher", {}, {
    models: { a: { w: [2, 0] }, b: { w: [0, 4] } },
  });
  const expected = 3 * Math.SQRT1_2;
  merged.w!.forEach((value) =>
    assert(Math.abs(value - expected) < 1e-5, `${merged.w}`)
  );
});

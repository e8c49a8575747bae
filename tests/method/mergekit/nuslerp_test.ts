import { assert } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

for (const hasPretrained of [false, true]) {
  const base = hasPretrained ? "with" : "without";
  Deno.test(`nuslerp gives mergekit's numbers ${base} _pretrained_`, async () => {
    const difference = await microDifference(
      `../merge_more/nuslerp${hasPretrained ? "_base" : ""}`,
      "mergekit/nuslerp",
      { weight: { alpha: 2, beta: 1 } },
      ["alpha", "beta"],
      { hasPretrained },
    );
    assert(difference <= 5e-5, `${difference}`);
  });
}

Deno.test("nuslerp goes along each row, and along columns when row-wise", async () => {
  const models = { a: { w: [1, 0, 0, 1] }, b: { w: [0, 1, 0, 1] } };
  const shapes = { w: [2, 2] };
  const half = Math.SQRT1_2;
  const near = (found: number[], expected: number[]) =>
    expected.forEach((value, i) =>
      assert(Math.abs(found[i]! - value) < 1e-6, `${found}`)
    );
  const rows = await mergeTiny("mergekit/nuslerp", { nuslerp_flatten: false }, {
    models,
    shapes,
  });
  near(rows.w!, [half, half, 0, 1]);
  const columns = await mergeTiny("mergekit/nuslerp", {
    nuslerp_flatten: false,
    nuslerp_row_wise: true,
  }, { models: { a: { w: [1, 0, 0, 1] }, b: { w: [0, 0, 1, 1] } }, shapes });
  near(columns.w!, [half, 0, half, 1]);
});

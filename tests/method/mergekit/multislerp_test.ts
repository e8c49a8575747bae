import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeTiny, microDifference } from "../../merge_case.ts";

for (const hasPretrained of [false, true]) {
  const base = hasPretrained ? "with" : "without";
  Deno.test(`multislerp gives mergekit's numbers ${base} _pretrained_`, async () => {
    const difference = await microDifference(
      `../merge_more/multislerp${hasPretrained ? "_base" : ""}`,
      "mergekit/multislerp",
      { weight: { alpha: 1, beta: 2, gamma: 3 } },
      undefined,
      { hasPretrained },
    );
    assert(difference <= 5e-5, `${difference}`);
  });
}

Deno.test("multislerp refuses directions that cancel out", async () => {
  const third = Math.sqrt(3) / 2;
  const error = await assertRejects(
    () =>
      mergeTiny("mergekit/multislerp", { eps: 1e-6 }, {
        models: {
          a: { w: [1, 0] },
          b: { w: [-0.5, third] },
          c: { w: [-0.5, -third] },
        },
      }),
    MethodError,
  );
  assertStringIncludes((error as Error).message, "cancel out");
});

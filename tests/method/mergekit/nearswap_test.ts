import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

Deno.test("nearswap goes at most t towards the expert", async () => {
  const merged = await mergeTiny("mergekit/nearswap", { t: 0.5 }, {
    pretrained: { w: [1, 1, 1, 1] },
    models: { a: { w: [1.25, 3, -7, 1] } },
  });
  assertEquals(merged, { w: [1.25, 1.5, 0.5, 1] });
});

Deno.test("nearswap takes no difference for smaller than 1e-6", async () => {
  const merged = await mergeTiny("mergekit/nearswap", { t: 2.5e-7 }, {
    pretrained: { w: [0, 0] },
    models: { a: { w: [4e-7, -4e-6] } },
  });
  assertAlmostEquals(merged.w![0]!, 1e-7, 1e-12);
  assertAlmostEquals(merged.w![1]!, -2.5e-7, 1e-12);
});

Deno.test("nearswap refuses a second expert", async () => {
  await assertRejects(
    () => mergeMicro("mergekit/nearswap"),
    MethodError,
    "expected exactly 1",
  );
});

import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("slerp gives FusionBench's numbers", async () => {
  const difference = await microDifference("slerp", "slerp/slerp", { t: 0.3 }, [
    "alpha",
    "beta",
  ]);
  assert(difference <= 5e-5, `${difference}`);
});

Deno.test("slerp goes along the circle, and straight between parallels", async () => {
  const merged = await mergeTiny("slerp/slerp", { t: 0.5 }, {
    models: {
      a: { circle: [1, 0], parallel: [1, 1] },
      b: { circle: [0, 3], parallel: [2, 2] },
    },
  });
  // Both weights are sin(45°) / sin(90°).
  const half = Math.SQRT1_2;
  assert(Math.abs(merged.circle![0]! - half) < 1e-6, `${merged.circle}`);
  assert(Math.abs(merged.circle![1]! - 3 * half) < 1e-6, `${merged.circle}`);
  assertEquals(merged.parallel, [1.5, 1.5]);
});

import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("wudi gives FusionBench's numbers", async () => {
  const difference = await microDifference("wudi", "wudi/wudi", {
    iter_num: 50,
  });
  assert(difference <= 1e-3, `${difference}`);
});

Deno.test("wudi without steps is the sum of the task vectors", async () => {
  const merged = await mergeTiny("wudi/wudi", { iter_num: 0 }, {
    pretrained: { w: [1, 1, 1, 1], bias: [0] },
    models: {
      a: { w: [2, 1, 1, 1], bias: [2] },
      b: { w: [1, 1, 1, 4], bias: [4] },
    },
    shapes: { w: [2, 2] },
  });
  assertEquals(merged, { w: [2, 1, 1, 4], bias: [3] });
});

Deno.test("wudi stays where tasks do not interfere, and steps 1e-5 where they do", async () => {
  const merged = await mergeTiny("wudi/wudi", { iter_num: 1 }, {
    pretrained: { orthogonal: [0, 0, 0, 0], same: [0, 0, 0, 0] },
    models: {
      a: { orthogonal: [1, 0, 0, 0], same: [0.5, 0, 0, 0] },
      b: { orthogonal: [0, 0, 0, 1], same: [0.5, 0, 0, 0] },
    },
    shapes: { orthogonal: [2, 2], same: [2, 2] },
  });
  assertEquals(merged.orthogonal, [1, 0, 0, 1]);
  assert(Math.abs(merged.same![0]! - (1 - 1e-5)) < 1e-7, `${merged.same}`);
});

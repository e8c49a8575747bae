import { assert, assertEquals } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("ram gives mergekit's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/ram",
    "mergekit/ram",
    {
      epsilon: 1e-2,
    },
  );
  assert(difference <= 1e-5, `${difference}`);
});

Deno.test("ram adds what one model changes and averages what several do", async () => {
  const merged = await mergeTiny("mergekit/ram", { epsilon: 0.1 }, {
    pretrained: { w: [1, 1, 1, 1] },
    models: {
      a: { w: [3, 3, 1, 1.0625] }, // the last is no change
      b: { w: [1, 5, 1, 0] },
    },
  });
  assertEquals(merged.w, [3, 4, 1, 0]);
});

import { assert } from "@std/assert";
import { mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("model_stock gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "model_stock",
    "model_stock/model_stock",
    {},
  );
  assert(difference <= 5e-5, `${difference}`);
});

Deno.test("model_stock of parallel task vectors is their average, of orthogonal ones pretrained", async () => {
  const merged = await mergeTiny("model_stock/model_stock", {}, {
    pretrained: { parallel: [1, 1], orthogonal: [1, 1] },
    models: {
      a: { parallel: [2, 1], orthogonal: [2, 1] },
      b: { parallel: [4, 1], orthogonal: [1, 2] },
    },
  });
  const near = (found: number[], expected: number[]) =>
    expected.forEach((value, i) =>
      assert(Math.abs(found[i]! - value) < 1e-6, `${found}`)
    );
  near(merged.parallel!, [3, 1]);
  near(merged.orthogonal!, [1, 1]);
});

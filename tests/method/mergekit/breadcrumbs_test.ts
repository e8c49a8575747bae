import { assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeTiny } from "../../merge_case.ts";

const pool = {
  pretrained: { w: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1] },
  models: { a: { w: [9, -1, 2, -8, 3, -6, 5, 6, -5, 1] } },
};

Deno.test("breadcrumbs drops the largest, then the smallest", async () => {
  // Magnitudes 9 1 2 8 3 7 4 5 6 0: 9 and 8 go, then 0, 1, 2 and 3.
  assertEquals(
    await mergeTiny("mergekit/breadcrumbs", { density: 0.4, gamma: 0.2 }, pool),
    { w: [0, 0, 0, 0, 0, -6, 5, 6, -5, 1] },
  );
});

Deno.test("breadcrumbs drops fewer outliers where the shares do not fit", async () => {
  assertEquals(
    await mergeTiny("mergekit/breadcrumbs", { density: 0.9, gamma: 0.5 }, pool),
    { w: [0, -1, 2, -8, 3, -6, 5, 6, -5, 1] },
  );
});

Deno.test("breadcrumbs without outliers keeps the largest", async () => {
  assertEquals(
    await mergeTiny("mergekit/breadcrumbs", {
      density: 0.2,
      gamma: 0,
      rescale: true,
      lambda: 2,
    }, pool),
    // 45 in all over 17 that are kept.
    {
      w: [9, 0, 0, -8, 0, 0, 0, 0, 0, 0].map((value, i) =>
        Math.fround(value * 2 * Math.fround(45 / 17)) + (i > 4 ? 1 : 0)
      ),
    },
  );
});

Deno.test("breadcrumbs weighs models and divides by the weights when told to", async () => {
  const two = {
    pretrained: { w: [1, 1] },
    models: { a: { w: [2, 1] }, b: { w: [1, 9] } },
  };
  const weight = { a: 1, b: 3 };
  const merge = (normalize: boolean) =>
    mergeTiny("mergekit/breadcrumbs", { weight, normalize }, two);
  assertEquals(await merge(false), { w: [2, 25] });
  assertEquals(await merge(true), { w: [1.25, 7] });
});

Deno.test("breadcrumbs refuses a density beyond 0 to 1", async () => {
  await assertRejects(
    () => mergeTiny("mergekit/breadcrumbs", { density: 1.1 }, pool),
    MethodError,
    "density is 1.1",
  );
});

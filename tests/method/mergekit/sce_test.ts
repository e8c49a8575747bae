import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeTiny } from "../../merge_case.ts";

const pool = {
  pretrained: { w: [1, 1, 1, 1] },
  models: { a: { w: [3, 1, 2, 1] }, b: { w: [5, 1, -3, 2] } },
};

Deno.test("sce weighs models by energy and erases the lesser sign", async () => {
  // Task vectors [2 0 1 0] and [4 0 -4 1]: energies 5 and 33 of 38.
  const { w } = await mergeTiny("mergekit/sce", {}, pool);
  [1 + (2 * 5 + 4 * 33) / 38, 1, -3, 2].forEach((expected, i) =>
    assertAlmostEquals(w![i]!, expected, 1e-6)
  );
});

Deno.test("sce selects what varies most", async () => {
  // Variances 1, 0, 6.25, 0.25: of three that vary, one or two are selected.
  const one = await mergeTiny("mergekit/sce", { select_topk: 0.4 }, pool);
  assertEquals(one, { w: [1, 1, -3, 1] });
  const { w } = await mergeTiny("mergekit/sce", { select_topk: 0.7 }, pool);
  // Energies 5 and 32 of what is left.
  [1 + (2 * 5 + 4 * 32) / 37, 1, -3, 1].forEach((expected, i) =>
    assertAlmostEquals(w![i]!, expected, 1e-6)
  );
});

Deno.test("sce that selects nothing is the pretrained model", async () => {
  assertEquals(
    await mergeTiny("mergekit/sce", { select_topk: 0 }, pool),
    pool.pretrained,
  );
});

Deno.test("sce refuses a share beyond 0 to 1", async () => {
  await assertRejects(
    () => mergeTiny("mergekit/sce", { select_topk: 1.5 }, pool),
    MethodError,
    "select_topk is 1.5",
  );
});

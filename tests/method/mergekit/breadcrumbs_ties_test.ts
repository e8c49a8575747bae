import { assertEquals } from "@std/assert";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

Deno.test("breadcrumbs_ties adds up what agrees with the weighted sum's sign", async () => {
  const pool = {
    pretrained: { w: [0, 0, 0] },
    models: { a: { w: [1, 2, 4] }, b: { w: [-2, -2, 2] } },
  };
  const merge = (parameters: Record<string, unknown>) =>
    mergeTiny("mergekit/breadcrumbs_ties", parameters, pool);
  // A sum of 0 elects the positive sign.
  assertEquals(await merge({}), { w: [-2, 2, 6] });
  assertEquals(await merge({ weight: { a: 3, b: 1 } }), { w: [3, 6, 14] });
  assertEquals(await merge({ weight: { a: 3, b: 1 }, normalize: true }), {
    w: [1, 2, 3.5],
  });
});

Deno.test("breadcrumbs_ties of one model is breadcrumbs", async () => {
  const parameters = { density: 0.6, gamma: 0.05 };
  const models = ["beta"];
  const ties = await mergeMicro("mergekit/breadcrumbs_ties", parameters, {
    models,
  });
  const plain = await mergeMicro("mergekit/breadcrumbs", parameters, {
    models,
  });
  for (const name of plain.names) {
    assertEquals(await ties.read(name), await plain.read(name));
  }
});

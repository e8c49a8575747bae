import { assertEquals } from "@std/assert";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

Deno.test("della_linear of density 1 is task arithmetic", async () => {
  const linear = await mergeMicro("mergekit/della_linear", { weight: 0.25 });
  const plain = await mergeMicro("task_arithmetic", { scaling_factor: 0.25 });
  for (const name of plain.names) {
    const expected = await plain.read(name);
    const found = await linear.read(name);
    assertEquals(
      found.map((v, i) => Math.abs(v - expected[i]!) < 1e-6 ? 1 : 0)
        .every((close) => close === 1),
      true,
      name,
    );
  }
});

Deno.test("della_linear of density 0 is the pretrained model", async () => {
  const merged = await mergeTiny("mergekit/della_linear", { density: 0 }, {
    pretrained: { w: [1, 2] },
    models: { a: { w: [3, 4] }, b: { w: [5, 6] } },
  });
  assertEquals(merged, { w: [1, 2] });
});

Deno.test("della_linear adds what della, of one model, adds", async () => {
  const parameters = { density: 0.5, seed: 3 };
  const models = ["alpha"];
  const linear = await mergeMicro("mergekit/della_linear", parameters, {
    models,
  });
  const della = await mergeMicro("mergekit/della", parameters, { models });
  for (const name of della.names) {
    assertEquals(await linear.read(name), await della.read(name));
  }
});

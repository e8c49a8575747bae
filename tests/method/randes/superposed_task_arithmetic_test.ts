import { assert, assertEquals } from "@std/assert";
import { mergeTiny } from "../../merge_case.ts";

const pool = {
  pretrained: { "pwconv1.weight": [0, 0, 0, 0], bias: [0, 0] },
  models: {
    a: { "pwconv1.weight": [1, 2, 3, 4], bias: [1, 0] },
    b: { "pwconv1.weight": [10, 20, 30, 40], bias: [0, 1] },
  },
  shapes: { "pwconv1.weight": [2, 2] },
};
const name = "randes/superposed_task_arithmetic";

Deno.test("superposition gives the task back plus or minus the others", async () => {
  for (const task of ["a", "b"] as const) {
    const merged = await mergeTiny(name, { task, scaling_factor: 1 }, pool);
    const own = pool.models[task]["pwconv1.weight"];
    const other = pool.models[task === "a" ? "b" : "a"]["pwconv1.weight"];
    const signs = merged["pwconv1.weight"]!.map((value, i) =>
      (value - own[i]!) / other[i]!
    );
    assert(signs.every((sign) => Math.abs(Math.abs(sign) - 1) < 1e-6));
    assertEquals(Math.sign(signs[0]!), Math.sign(signs[2]!)); // one a column
    assertEquals(merged.bias, [1, 1]);
  }
});

Deno.test("superposition with identity is task arithmetic", async () => {
  assertEquals(
    await mergeTiny(name, { task: "a", mode: "identity_matrix" }, pool),
    await mergeTiny("task_arithmetic", { scaling_factor: 0.5 }, pool),
  );
});

import { assert } from "@std/assert";
import { mergeMicro, mergeTiny } from "../../merge_case.ts";

Deno.test("calibration undoes what tasks have in common", async () => {
  // Both tasks are the same, their average is each: every coefficient is 1.
  // Of one task's sum with itself (scaling 2) it halves what was doubled.
  const pool = {
    pretrained: { w: [1, 1, 1, 1] },
    models: { a: { w: [3, 1, 1, 2] }, b: { w: [3, 1, 1, 2] } },
    shapes: { w: [2, 2] },
  };
  for (
    const [method, parameters] of [
      ["simple_average", {}],
      ["task_arithmetic", { scaling_factor: 1 }],
    ] as const
  ) {
    const merged = await mergeTiny(
      `singular_value_calibration/${method}`,
      parameters,
      pool,
    );
    merged.w!.forEach((value, i) =>
      assert(Math.abs(value - [3, 1, 1, 2][i]!) < 1e-5, `${merged.w}`)
    );
  }
});

Deno.test("every preset of calibration merges the micro pool to finite numbers", async () => {
  for (
    const [method, base_method] of [
      ["dare_task_arithmetic", {}],
      ["iso_c", {
        _target_: "fusion_bench.method.ISO_C_Merge",
        scaling_factor: 1,
      }],
      ["iso_cts", {}],
      ["wudi", { iter_num: 2 }],
    ] as const
  ) {
    const name = `singular_value_calibration/${method}`;
    const merged = await mergeMicro(name, { base_method });
    for (const tensor of merged.names) {
      assert((await merged.read(tensor)).every(Number.isFinite), tensor);
    }
  }
});

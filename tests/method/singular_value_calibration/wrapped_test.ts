import { assert } from "@std/assert";
import { relativeDifference } from "../../reference.ts";
import { mergeTiny } from "../../merge_case.ts";

const WRAPPED = {
  dare_task_arithmetic: "dare/task_arithmetic",
  iso_c: "isotropic_merging/iso_c",
  iso_cts: "isotropic_merging/iso_cts",
  wudi: "wudi/wudi",
};

for (const [name, base] of Object.entries(WRAPPED)) {
  Deno.test(`calibration around ${base}: a high alpha divides its change`, async () => {
    const pool = {
      pretrained: { w: [0, 1, 2, 3, 4, 5], b: [1, 2] },
      models: {
        a: { w: [2, 1, 0, 4, 4, 8], b: [2, 2] },
        c: { w: [1, -1, 2, 2, 5, 5], b: [1, 5] },
      },
      shapes: { w: [2, 3] },
    };
    // No coefficient is below alpha, so with a high one all are alpha.
    const alpha = 1000;
    const parameters = { scaling_factor: 0.8 };
    const own = base === "wudi/wudi" ? {} : parameters;
    const plain = await mergeTiny(base, own, pool);
    const calibrated = await mergeTiny(
      `singular_value_calibration/${name}`,
      { alpha, base_method: own },
      pool,
    );
    const change = (values: number[]) =>
      values.map((value, i) => value - pool.pretrained.w[i]!);
    const difference = relativeDifference(
      change(calibrated.w!).map((value) => value * alpha),
      change(plain.w!),
    );
    assert(difference < 1e-3, `${difference}`);
    assert(relativeDifference(calibrated.b!, plain.b!) < 1e-6);
  });
}

import { assert } from "@std/assert";
import { dataDifference, withMicroPool } from "../../merge_data_case.ts";

const CASES: Record<string, Record<string, unknown>> = {
  concrete_task_arithmetic: { max_steps: 8 },
  concrete_task_wise_adamerging: {
    max_steps: 4,
    max_adamerging_steps: 4,
    adamerging_lr: 1e-2,
  },
  concrete_layer_wise_adamerging: {
    max_steps: 4,
    max_adamerging_steps: 4,
    adamerging_lr: 1e-2,
    eval_mask_type: "discrete",
    clamp_weights: true,
  },
};

for (const [name, parameters] of Object.entries(CASES)) {
  Deno.test(`${name} gives FusionBench's numbers on the micro pool`, async () => {
    await withMicroPool(async (pool) => {
      const difference = await dataDifference(
        pool,
        `micro_${name}`,
        `concrete_subspace/${name}`,
        { lr: 0.1, batch_size: 2, shuffle: false, ...parameters },
      );
      assert(difference <= 1e-3, `${difference}`);
    });
  });
}

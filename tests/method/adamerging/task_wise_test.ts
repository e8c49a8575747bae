import { assert } from "@std/assert";
import {
  dataDifference,
  demoPool,
  withMicroPool,
} from "../../merge_data_case.ts";

Deno.test("adamerging/task_wise gives FusionBench's numbers on the micro pool", async () => {
  await withMicroPool(async (pool) => {
    const difference = await dataDifference(
      pool,
      "micro_adamerging_task_wise",
      "adamerging/task_wise",
      { max_steps: 20, lr: 1e-2, batch_size: 2, shuffle: false },
    );
    assert(difference <= 1e-3, `${difference}`);
  });
});

// Over a minute on the wasm backend.
Deno.test({
  name: "adamerging/task_wise gives FusionBench's numbers on the demo pool",
  ignore: !Deno.env.get("CONVNEXT_FUSION_SLOW_TESTS"),
  async fn() {
    const difference = await dataDifference(
      demoPool(),
      "demo_adamerging_task_wise",
      "adamerging/task_wise",
      { max_steps: 20, lr: 1e-2, shuffle: false },
    );
    assert(difference <= 1e-3, `${difference}`);
  },
});

import { assert } from "@std/assert";
import {
  dataDifference,
  demoPool,
  withMicroPool,
} from "../../merge_data_case.ts";

Deno.test("regmean/regmean gives FusionBench's numbers on the micro pool", async () => {
  await withMicroPool(async (pool) => {
    const difference = await dataDifference(
      pool,
      "micro_regmean_convolutions",
      "regmean/regmean",
      {
        num_regmean_examples: 16,
        reduce_non_diagonal_ratio: 0.9,
        dataloader_kwargs: { batch_size: 8, shuffle: false },
      },
    );
    assert(difference <= 1e-3, `${difference}`);
  });
});

Deno.test("regmean/regmean gives FusionBench's numbers on the demo pool", async () => {
  const difference = await dataDifference(
    demoPool(),
    "demo_regmean_convolutions",
    "regmean/regmean",
    {
      num_regmean_examples: 64,
      reduce_non_diagonal_ratio: 0.9,
      dataloader_kwargs: { shuffle: false },
    },
  );
  assert(difference <= 1e-3, `${difference}`);
});

import { assert } from "@std/assert";
import {
  dataDifference,
  demoPool,
  withMicroPool,
} from "../../merge_data_case.ts";

for (const include_convolutions of [false, true]) {
  const golden = include_convolutions
    ? "regmean_plusplus_convolutions"
    : "regmean_plusplus";
  const parameters = { reduce_non_diagonal_ratio: 0.9, include_convolutions };

  Deno.test(`${golden} gives FusionBench's numbers on the micro pool`, async () => {
    await withMicroPool(async (pool) => {
      const difference = await dataDifference(
        pool,
        `micro_${golden}`,
        "regmean_plusplus/regmean_plusplus",
        {
          ...parameters,
          num_regmean_examples: 16,
          dataloader_kwargs: { batch_size: 8, shuffle: false },
        },
      );
      assert(difference <= 1e-3, `${difference}`);
    });
  });
}

Deno.test("regmean_plusplus gives FusionBench's numbers on the demo pool", async () => {
  const difference = await dataDifference(
    demoPool(),
    "demo_regmean_plusplus_convolutions",
    "regmean_plusplus/regmean_plusplus",
    {
      reduce_non_diagonal_ratio: 0.9,
      num_regmean_examples: 64,
      dataloader_kwargs: { shuffle: false },
    },
  );
  assert(difference <= 1e-3, `${difference}`);
});

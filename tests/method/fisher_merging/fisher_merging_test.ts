import { assert } from "@std/assert";
import {
  dataDifference,
  demoPool,
  withMicroPool,
} from "../../merge_data_case.ts";

Deno.test("fisher_merging/fisher_merging gives FusionBench's numbers on the micro pool", async () => {
  await withMicroPool(async (pool) => {
    const difference = await dataDifference(
      pool,
      "micro_fisher_merging",
      "fisher_merging/fisher_merging",
      { num_fisher_examples: 16, dataloader_kwargs: { batch_size: 8 } },
    );
    assert(difference <= 1e-3, `${difference}`);
  });
});

Deno.test("fisher_merging/fisher_merging gives FusionBench's numbers on the demo pool", async () => {
  const difference = await dataDifference(
    demoPool(),
    "demo_fisher_merging",
    "fisher_merging/fisher_merging",
    { num_fisher_examples: 64 },
  );
  assert(difference <= 1e-3, `${difference}`);
});

import { assert } from "@std/assert";
import { mergeDifference } from "../../reference.ts";
import { mergeMicro, openMicroPool } from "../../merge_case.ts";

Deno.test("dare/simple_average is DARE with a scaling factor of one over the models", async () => {
  const { pretrained } = await openMicroPool([]);
  const average = await mergeMicro("dare/simple_average", {}, {
    chunkSize: 1000,
  });
  const scaled = await mergeMicro("dare/task_arithmetic", {
    scaling_factor: 1 / 3,
  });
  const { difference } = await mergeDifference(average, scaled, pretrained);
  assert(difference < 5e-5, `${difference}`);
  const plain = await mergeMicro("dare/simple_average", { sparsity_ratio: 0 });
  const mean = await mergeMicro("simple_average");
  const limit = await mergeDifference(plain, mean, pretrained);
  assert(limit.difference < 5e-5, `${limit.difference}`);
  pretrained.close();
});

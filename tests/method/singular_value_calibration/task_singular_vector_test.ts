import { assert } from "@std/assert";
import { microDifference } from "../../merge_case.ts";

Deno.test("calibrated task_singular_vector gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/svc_task_singular_vector",
    "singular_value_calibration/task_singular_vector",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

import { assert } from "@std/assert";
import { microDifference } from "../../merge_case.ts";

Deno.test("calibrated task_arithmetic gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/svc_task_arithmetic",
    "singular_value_calibration/task_arithmetic",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

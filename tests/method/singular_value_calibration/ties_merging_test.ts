import { assert } from "@std/assert";
import { microDifference } from "../../merge_case.ts";

Deno.test("calibrated ties_merging gives FusionBench's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/svc_ties_merging",
    "singular_value_calibration/ties_merging",
    {},
  );
  assert(difference <= 1e-3, `${difference}`);
});

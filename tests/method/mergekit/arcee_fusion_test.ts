import { assert } from "@std/assert";
import { microDifference } from "../../merge_case.ts";

Deno.test("arcee_fusion gives mergekit's numbers", async () => {
  const difference = await microDifference(
    "../merge_more/arcee_fusion",
    "mergekit/arcee_fusion",
    {},
    ["alpha"],
  );
  assert(difference <= 5e-5, `${difference}`);
});

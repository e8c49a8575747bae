import { assertEquals, assertRejects } from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { mergeTiny } from "../../merge_case.ts";

const pool = {
  pretrained: {
    "pwconv1.weight": [0, 0, 0, 0, 1, 1, 1, 1],
    "dwconv.bias": [1, 1],
  },
  models: {
    a: {
      "pwconv1.weight": [1, -4, 3, 2, 1, 1, 2, 6],
      "dwconv.bias": [3, 2],
    },
  },
  shapes: { "pwconv1.weight": [2, 4] },
};
const prune = (parameters: Record<string, unknown>) =>
  mergeTiny("pruning/magnitude_diff_pruning", parameters, pool);

Deno.test("magnitude_diff_pruning prunes the smallest or largest of each row", async () => {
  assertEquals(await prune({ prune_ratio: 0.5 }), {
    "pwconv1.weight": [0, -4, 3, 0, 1, 1, 2, 6],
    "dwconv.bias": [1, 1],
  });
  assertEquals(await prune({ prune_ratio: 0.25, prune_type: "major" }), {
    "pwconv1.weight": [1, 0, 3, 2, 1, 1, 2, 1],
    "dwconv.bias": [1, 1],
  });
});

Deno.test("magnitude_diff_pruning rescales as FusionBench does", async () => {
  const { "pwconv1.weight": quarter } = await prune({
    prune_ratio: 0.75,
    rescale: 4,
  });
  assertEquals(quarter, [0, -16, 0, 0, 1, 1, 1, 21]);
  const { "pwconv1.weight": half } = await prune({
    prune_ratio: 0.5,
    rescale: true,
  });
  assertEquals(half, [0, -8, 6, 0, 1, 1, 3, 11]);
});

Deno.test("magnitude_diff_pruning's expressions choose the tensors", async () => {
  assertEquals(
    await prune({ prune_ratio: 0.5, extract_names: ["convnext\\.dw.*bias"] }),
    {
      "pwconv1.weight": pool.pretrained["pwconv1.weight"],
      "dwconv.bias": [3, 1],
    },
  );
});

Deno.test("magnitude_diff_pruning refuses what it cannot use", async () => {
  await assertRejects(
    () => prune({ prune_ratio: 2 }),
    MethodError,
    "prune_ratio is 2",
  );
  await assertRejects(
    () => prune({ extract_names: ["("] }),
    MethodError,
    'extract_names.0 is "(": not a regular expression',
  );
  await assertRejects(
    () => prune({ prune_ratio: 0, rescale: true }),
    MethodError,
    "rescale is true and prune_ratio 0",
  );
});

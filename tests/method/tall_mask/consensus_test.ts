import { assert, assertEquals } from "@std/assert";
import { openCheckpoint } from "../../../src/checkpoint/mod.ts";
import { mergeMicro, mergeTiny, openMicroPool } from "../../merge_case.ts";
import { dataPath, mergeDifference } from "../../reference.ts";
import { part } from "../../task_masks_case.ts";

const METHOD = "tall_mask/consensus";

Deno.test("consensus: equals merging with the authors' masks", async () => {
  const file = await openCheckpoint(
    dataPath("tests/data/golden/merge_tasks/tall_mask.safetensors"),
  );
  const { pretrained } = await openMicroPool([]);
  for (const chunkSize of [1000, 1 << 30]) {
    const { difference } = await mergeDifference(
      await mergeMicro(METHOD, {}, { chunkSize }),
      part(file, "consensus"),
      pretrained,
    );
    assert(difference < 5e-5, `differs by ${difference}`);
  }
  file.close();
  pretrained.close();
});

const pool = {
  pretrained: { w: [10, 10, 10] },
  // Sums 4, 4, 0. With lambda 0.5, masks keep: a first, b both; none of the third.
  models: { a: { w: [12, 10, 10] }, b: { w: [12, 14, 10] } },
};

for (
  const [threshold, expected] of [
    [0, [14, 14, 10]],
    [1, [14, 14, 10]],
    [2, [14, 10, 10]],
    [3, [10, 10, 10]],
  ] as const
) {
  Deno.test(`consensus: what ${threshold} tasks need stays`, async () => {
    assertEquals(
      await mergeTiny(METHOD, {
        tall_mask_lambda: 0.5,
        prun_thre_k: threshold,
        scaling_factor: 1,
      }, pool),
      { w: [...expected] },
    );
  });
}

Deno.test("consensus with threshold 0 is task arithmetic", async () => {
  const [ours, theirs] = await Promise.all([
    mergeMicro(METHOD, { prun_thre_k: 0, scaling_factor: 0.4 }),
    mergeMicro("task_arithmetic", { scaling_factor: 0.4 }),
  ]);
  const { pretrained } = await openMicroPool([]);
  const { difference } = await mergeDifference(ours!, theirs!, pretrained);
  assert(difference < 5e-5, `differs by ${difference}`);
  pretrained.close();
});

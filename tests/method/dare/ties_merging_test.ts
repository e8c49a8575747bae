import { assert, assertEquals } from "@std/assert";
import { mergeMicro, mergeTiny, microDifference } from "../../merge_case.ts";

Deno.test("dare/ties_merging that drops nothing is ties_merging", async () => {
  const difference = await microDifference("ties_sum", "dare/ties_merging", {
    sparsity_ratio: 0,
    scaling_factor: 0.3,
    threshold: 20,
  });
  assert(difference <= 5e-5, `${difference}`);
});

Deno.test("dare/ties_merging that keeps all of one model's rest is dare/task_arithmetic", async () => {
  const models = ["alpha"];
  const ties = await mergeMicro("dare/ties_merging", {
    scaling_factor: 0.3,
    threshold: 1,
  }, { models, chunkSize: 1000 });
  const plain = await mergeMicro("dare/task_arithmetic", {}, { models });
  for (const name of plain.names) {
    assertEquals(await ties.read(name), await plain.read(name));
  }
});

Deno.test("dare/ties_merging counts its threshold after dropping", async () => {
  const count = 20_000;
  const values = Array.from({ length: count }, (_, i) => i + 1);
  const merged = await mergeTiny("dare/ties_merging", {
    scaling_factor: 1,
    rescale: false,
    threshold: 0.1,
  }, {
    pretrained: { w: new Array<number>(count).fill(0) },
    models: { a: { w: values } },
    chunkSize: 999,
  });
  const kept = merged.w!.filter((value) => value !== 0);
  // The k-th magnitude itself stays too, as in FusionBench.
  assertEquals(kept.length, count / 10 + 1);
  // Half of the elements are dropped: a tenth of all is the upper fifth.
  const smallest = Math.min(...kept) / count;
  assert(smallest > 0.78 && smallest < 0.82, `${smallest}`);
});

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { MethodError } from "../../../src/fusion_error.ts";
import { isLinearWeight } from "../../../src/merge/mod.ts";
import { mergeMicro, mergeTiny, openMicroPool } from "../../merge_case.ts";

Deno.test("dare/task_arithmetic that drops nothing is task arithmetic", async () => {
  const plain = await mergeMicro("task_arithmetic", { scaling_factor: 0.3 });
  const dare = await mergeMicro("dare/task_arithmetic", { sparsity_ratio: 0 });
  for (const name of plain.names) {
    assertEquals(await dare.read(name), await plain.read(name));
  }
});

Deno.test("dare/task_arithmetic that drops everything is the pretrained model", async () => {
  const dare = await mergeMicro("dare/task_arithmetic", { sparsity_ratio: 1 });
  const { pretrained } = await openMicroPool([]);
  for (const name of dare.names) {
    assertEquals(await dare.read(name), await pretrained.read(name));
  }
  pretrained.close();
});

Deno.test("dare/task_arithmetic drops the same elements whatever the chunk size", async () => {
  const whole = await mergeMicro("dare/task_arithmetic");
  const chunked = await mergeMicro("dare/task_arithmetic", {}, {
    chunkSize: 777,
  });
  const other = await mergeMicro("dare/task_arithmetic", { seed: 1 });
  let differs = false;
  for (const name of whole.names) {
    const values = await whole.read(name);
    assertEquals(await chunked.read(name), values);
    differs ||= (await other.read(name)).some((value, i) =>
      value !== values[i]
    );
  }
  assert(differs);
});

Deno.test("dare/task_arithmetic drops its share and divides the rest by what is left", async () => {
  const count = 40_000;
  const zeros = new Array<number>(count).fill(0);
  const ones = new Array<number>(count).fill(1);
  const merge = async (rescale: boolean) =>
    (await mergeTiny("dare/task_arithmetic", {
      scaling_factor: 1,
      sparsity_ratio: 0.75,
      rescale,
    }, { pretrained: { w: zeros }, models: { a: { w: ones } } })).w!;
  const rescaled = await merge(true);
  assertEquals(new Set(rescaled), new Set([0, 4]));
  const kept = rescaled.filter((value) => value === 4).length / count;
  assertAlmostEquals(kept, 0.25, 0.01); // its deviation is 0.002
  assertEquals(await merge(false), rescaled.map((value) => value / 4));
});

Deno.test("dare/task_arithmetic on linear weights alone merges the others whole", async () => {
  const plain = await mergeMicro("task_arithmetic", { scaling_factor: 0.3 });
  const dare = await mergeMicro("dare/task_arithmetic", {
    only_on_linear_weights: true,
    sparsity_ratio: 0.9,
  });
  for (const name of plain.names) {
    const [expected, found] = [await plain.read(name), await dare.read(name)];
    const equal = expected.every((value, i) => value === found[i]);
    assertEquals(equal, !isLinearWeight(name), name);
  }
});

Deno.test("dare/task_arithmetic refuses a ratio beyond 0 to 1", async () => {
  await assertRejects(
    () => mergeMicro("dare/task_arithmetic", { sparsity_ratio: -0.1 }),
    MethodError,
    "sparsity_ratio is -0.1",
  );
});

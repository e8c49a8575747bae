import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  openCheckpoint,
  SafetensorsWriter,
  type StateDict,
} from "../../src/checkpoint/mod.ts";
import { MethodError } from "../../src/fusion_error.ts";
import {
  closePool,
  mergeInMemory,
  type MergeOptions,
  randomUniform,
} from "../../src/merge/mod.ts";
import { loadMethod } from "../../src/method/mod.ts";
import { mergeMicro } from "../merge_case.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

/** Largest difference: none, but where TensorFlow's library rounds otherwise. */
async function assertSame(
  found: StateDict,
  expected: StateDict,
  what: string,
): Promise<void> {
  const limit = tf.getBackend() === "tensorflow" ? 1e-6 : 0;
  for (const name of expected.names) {
    const [a, b] = [await found.read(name), await expected.read(name)];
    const worst = a.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - b[i]!)),
      0,
    );
    assertEquals(worst <= limit, true, `${what}: ${name} differs by ${worst}`);
  }
}

const CASES: Record<string, Record<string, unknown>[]> = {
  simple_average: [{}],
  "linear/weighted_average": [{ weights: [0.2, 0.5, 0.9] }],
  task_arithmetic: [
    { scaling_factor: 0.4 },
    { scaling_factor: { alpha: 0.1, beta: -0.5, "*": [0.3, 1, 0.2] } },
  ],
  // No plans: threads of the wasm backend's, or one that reads for TensorFlow.
  "magmax/magmax": [{}],
  "isotropic_merging/iso_c": [{}],
  ties_merging: [
    { threshold: 20 },
    { threshold: 0.001, merge_func: "mean" },
    { threshold: { alpha: 80, "*": 5 }, merge_func: "max" },
    { threshold: 100, remove_keys: ["convnext.layernorm.weight"] },
    { threshold: 0 },
  ],
};

for (const [method, cases] of Object.entries(CASES)) {
  for (const parameters of cases) {
    Deno.test(`${method} ${JSON.stringify(parameters)} gives the same numbers in threads`, async () => {
      const expected = await mergeMicro(method, parameters);
      for (const chunkSize of [1000, 1 << 17]) {
        const found = await mergeMicro(method, parameters, {
          chunkSize,
          threadsFrom: 0,
        });
        await assertSame(found, expected, `chunks of ${chunkSize}`);
      }
    });
  }
}

/** Two rows of 40,003 and of 3 numbers, from a file. */
async function checkpoint(
  path: string,
  value: (index: number) => number,
): Promise<StateDict> {
  const names = { "convnext.a": 40_003, "convnext.b": 3 };
  const writer = await SafetensorsWriter.create(
    path,
    Object.entries(names).map(([name, size]) => ({
      name,
      dtype: "F32",
      shape: [size],
    })),
  );
  for (const [name, size] of Object.entries(names)) {
    await writer.write(
      name,
      0,
      Float32Array.from({ length: size }, (_, i) => value(i)),
    );
  }
  await writer.finish();
  return await openCheckpoint(path);
}

async function mergeBoth(
  folder: string,
  values: readonly ((index: number) => number)[],
  parameters: Readonly<Record<string, unknown>>,
  options: MergeOptions = {},
): Promise<StateDict[]> {
  await testBackend();
  const [pretrained, ...models] = await Promise.all(
    [() => 0.5, ...values].map((value, i) =>
      checkpoint(`${folder}/${i}.safetensors`, value)
    ),
  );
  const pool = {
    pretrained: pretrained!,
    models: new Map(models.map((model, i) => [`m${i}`, model])),
  };
  try {
    const method = await loadMethod("ties_merging", parameters);
    return [
      await mergeInMemory(pool, method, { ...options, threadsFrom: 0 }),
      await mergeInMemory(pool, method, options),
    ];
  } finally {
    closePool(pool);
  }
}

for (const merge_func of ["sum", "mean", "max"]) {
  for (const share of [0.3, 0.5, 0.7]) {
    Deno.test(`TIES in threads: ${merge_func} where most values are equal and cancel, share ${share}`, async () => {
      await inTemporaryFolder(async (folder) => {
        // Steps of 1/8: ranks fall among equals, sums are 0 in many places.
        const models = ["x", "y", "z"].map((seed) => {
          const random = randomUniform(0, [seed], 0, 40_003);
          return (i: number) => 0.5 + Math.round(8 * (random[i]! - share)) / 8;
        });
        for (const threshold of [7, 40, 90]) {
          const [found, expected] = await mergeBoth(folder, models, {
            threshold,
            merge_func,
          });
          await assertSame(found!, expected!, `threshold ${threshold}`);
        }
      });
    });
  }
}

Deno.test("TIES in threads names the source and tensor that holds NaN", async () => {
  await inTemporaryFolder(async (folder) => {
    const bad = [
      (i: number) => i / 8,
      (i: number) => (i === 39_999 ? NaN : -i),
    ];
    await assertRejects(
      () => mergeBoth(folder, bad, {}),
      MethodError,
      `${folder}/2.safetensors: tensor convnext.a holds NaN at element 39999, expected finite numbers (allow_nonfinite=true merges all the same)`,
    );
    const [found] = await mergeBoth(folder, bad, {}, { allowNonfinite: true });
    assertEquals((await found!.read("convnext.b")).length, 3);
  });
});

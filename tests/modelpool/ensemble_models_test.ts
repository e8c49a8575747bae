import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  configOf,
  loadConvNext,
  loadMultiTaskModel,
} from "../../src/convnext/mod.ts";
import {
  ConfigError,
  MethodError,
  ModelPoolError,
} from "../../src/fusion_error.ts";
import { loadMethod } from "../../src/method/mod.ts";
import {
  ConvNextForImageClassificationPool,
  ensembleModels,
  ensembleToFolder,
  mergeModels,
} from "../../src/modelpool/mod.ts";
import { dataPath, relativeDifference } from "../reference.ts";
import { microModelPool } from "../task_masks_case.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const pixels = tf.keep(tf.randomNormal([3, 32, 32, 3], 0, 1, "float32", 7));

async function logitsOf(model: tf.LayersModel): Promise<number[]> {
  const logits = tf.tidy(() => model.apply(pixels) as tf.Tensor);
  const values = [...await logits.data()];
  logits.dispose();
  return values;
}

function copies(
  ...paths: readonly string[]
): ConvNextForImageClassificationPool {
  return new ConvNextForImageClassificationPool({
    models: Object.fromEntries(
      paths.map((
        name,
        i,
      ) => [`m${i}`, dataPath(`tests/data/micro_pool/${name}`)]),
    ),
  });
}

/** Logits of each expert's backbone under one expert's head. */
async function underHead(task: string): Promise<number[][]> {
  const pool = microModelPool();
  const all: number[][] = [];
  for (const name of pool.modelNames) {
    const model = await pool.loadMultiTaskModel(name);
    all.push(await logitsOf(await model.forTask(task)));
    await model.dispose();
  }
  return all;
}

for (
  const method of [
    "simple_ensemble",
    "weighted_ensemble",
    "max_model_predictor",
  ]
) {
  Deno.test(`${method} of identical models is that model`, async () => {
    const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));
    const ensemble = await ensembleModels(
      copies("alpha", "alpha", "alpha"),
      await loadMethod(`ensemble/${method}`),
    );
    assertEquals(ensemble.tasks, [], "one set of classes");
    const expected = await logitsOf(model);
    for (
      const same of [ensemble.model, await ensemble.forTask("whatever task")]
    ) {
      assert(relativeDifference(await logitsOf(same), expected) < 1e-6);
    }
    assertEquals(
      configOf(ensemble.model).id2label,
      configOf(model).id2label,
    );
    assertEquals(ensemble.countParameters(), 3 * model.countParams());
    await ensemble.dispose();
    model.dispose();
  });
}

const CASES: [
  string,
  Record<string, unknown>,
  (logits: number[]) => number,
][] = [
  ["simple_ensemble", {}, ([a, b, c]) => (a! + b! + c!) / 3],
  ["weighted_ensemble", {}, ([a, b, c]) => (a! + b! + c!) / 3],
  [
    "weighted_ensemble",
    { weights: [1, 2, 1] },
    ([a, b, c]) => a! / 4 + b! / 2 + c! / 4,
  ],
  [
    "weighted_ensemble",
    { weights: [1, 2, -1], normalize: false },
    ([a, b, c]) => a! + 2 * b! - c!,
  ],
  ["max_model_predictor", {}, (logits) => Math.max(...logits)],
];
for (const [method, parameters, combine] of CASES) {
  Deno.test(`${method} ${JSON.stringify(parameters)} combines logits under the task's head`, async () => {
    const ensemble = await ensembleModels(
      microModelPool(),
      await loadMethod(`ensemble/${method}`, parameters),
    );
    assertEquals(ensemble.tasks, ["alpha", "beta", "gamma"]);
    const all = await underHead("beta");
    const expected = all[0]!.map((_, i) => combine(all.map((row) => row[i]!)));
    const actual = await logitsOf(await ensemble.forTask("beta"));
    assert(relativeDifference(actual, expected) < 1e-6);
    await ensemble.dispose();
  });
}

Deno.test("ensemble: members with other classes have no model without a task", async () => {
  const ensemble = await ensembleModels(
    microModelPool(),
    await loadMethod("ensemble/simple_ensemble"),
  );
  assertThrows(
    () => ensemble.model,
    MethodError,
    "models alpha and beta do not name the same classes (4 and 7 of them)",
  );
  await assertRejects(
    () => ensemble.forTask("delta"),
    ModelPoolError,
    "no head for task delta, it has heads for alpha, beta, gamma",
  );
  await ensemble.dispose();
});

Deno.test("ensemble: a folder of its members, loaded as it was", async () => {
  await inTemporaryFolder(async (folder) => {
    const before = tf.memory().numTensors;
    const method = await loadMethod("ensemble/weighted_ensemble", {
      weights: [1, 2, 1],
    });
    const path = `${folder}/ensemble`;
    // Twice: an ensemble's folder may be replaced.
    for (let i = 0; i < 2; i++) {
      await ensembleToFolder(microModelPool(), method, path, {
        dtype: "float32",
      });
    }
    assertEquals(
      listNames(path).filter((name) => name !== "preprocessor_config.json"),
      [
        "README.md",
        "ensemble.json",
        "members",
        "merge.json",
      ],
    );
    assertEquals(listNames(`${path}/members`), ["alpha", "beta", "gamma"]);
    assertEquals(
      JSON.parse(await Deno.readTextFile(`${path}/ensemble.json`)),
      {
        combine: "sum",
        weights: [0.25, 0.5, 0.25],
        members: ["alpha", "beta", "gamma"],
      },
    );
    const loaded = await loadMultiTaskModel(path);
    const inMemory = await ensembleModels(microModelPool(), method);
    for (const task of loaded.tasks) {
      assertEquals(
        await logitsOf(await loaded.forTask(task)),
        await logitsOf(await inMemory.forTask(task)),
      );
    }
    await loaded.dispose();
    await inMemory.dispose();
    assertEquals(tf.memory().numTensors, before);

    await Deno.writeTextFile(
      `${path}/ensemble.json`,
      JSON.stringify({ combine: "sum", members: ["../../secret"] }),
    );
    await assertRejects(() => loadMultiTaskModel(path), ConfigError, "members");
    await Deno.writeTextFile(`${path}/ensemble.json`, "{");
    await assertRejects(
      () => loadMultiTaskModel(path),
      ConfigError,
      "not JSON",
    );
  });
});

Deno.test("ensemble: parameters and uses that make no sense", async () => {
  const weighted = (parameters: Record<string, unknown>) =>
    loadMethod("ensemble/weighted_ensemble", parameters).then((method) =>
      ensembleModels(microModelPool(), method)
    );
  await assertRejects(
    () => weighted({ weights: [1, 2] }),
    MethodError,
    "weights has 2 numbers, expected 3, one for each of alpha, beta, gamma",
  );
  await assertRejects(
    () => weighted({ weights: [1, -2, 1] }),
    MethodError,
    "add up to 0",
  );
  await assertRejects(
    async () =>
      mergeModels(
        microModelPool(),
        await loadMethod("ensemble/simple_ensemble"),
      ),
    MethodError,
    "merges no weights",
  );
  await assertRejects(
    async () =>
      ensembleModels(microModelPool(), await loadMethod("simple_average")),
    MethodError,
    "expected an ensemble",
  );
});

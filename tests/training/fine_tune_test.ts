import type * as tf from "@tensorflow/tfjs";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { useBackend } from "../../src/backend/mod.ts";
import {
  AutoImageProcessor,
  loadConvNext,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import {
  type ImageClassificationDataset,
  openDataset,
} from "../../src/dataset/mod.ts";
import {
  fineTune,
  type FineTuneOptions,
  withLabels,
} from "../../src/training/mod.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend, testBackendName } from "../test_backend.ts";

const DIGITS = Array.from({ length: 10 }, (_, i) => `digit ${i}`);
const MODEL = dataPath("tests/data/micro_pool/pretrained");

/** The first images of a data set. */
function first(
  dataset: ImageClassificationDataset,
  length: number,
): ImageClassificationDataset {
  return { name: dataset.name, length, read: (index) => dataset.read(index) };
}

async function options(images = 48): Promise<FineTuneOptions> {
  const digits = await openDataset(
    dataPath("tests/data/demo_data/optdigits/test"),
  );
  return {
    train: first(digits, images),
    processor: new AutoImageProcessor({
      size: { shortest_edge: 32 },
      crop_pct: 1,
    }),
    optimizer: { name: "adamw", lr: 0.003 },
    lr_scheduler: { name: "cosine" },
    max_steps: 8,
    batch_size: 16,
    seed: 3,
  };
}

/** Everything at once: eight rates of learning, clipped together. */
async function fullRecipe(): Promise<FineTuneOptions> {
  return {
    ...await options(),
    random_crop: 2,
    random_flip: true,
    head_steps: 2,
    layer_decay: 0.8,
    gradient_clip_val: 1,
    warmup_steps: 2,
  };
}

async function model(): Promise<tf.LayersModel> {
  return withLabels(await loadConvNext(MODEL), DIGITS, 3);
}

async function weights(model: tf.LayersModel): Promise<Float32Array[]> {
  const state = stateDictOf(model);
  return await Promise.all(state.names.map((name) => state.read(name)));
}

/**
 * The same numbers to the last bit; nearly so on WebGPU, whose products add
 * parts up in the order in which they come.
 */
function assertSame(found: ArrayLike<number>[], expected: typeof found): void {
  if (testBackendName !== "webgpu") return assertEquals(found, expected);
  for (const [i, values] of expected.entries()) {
    let sum = 0;
    for (let j = 0; j < values.length; j++) {
      sum += Math.abs(found[i]![j]! - values[j]!);
    }
    const mean = sum / values.length;
    assert(mean < 1e-3, `${i}: ${mean} apart`);
  }
}

/** Trains, and gives the weights it comes to. */
async function trained(options: FineTuneOptions): Promise<Float32Array[]> {
  const fresh = await model();
  try {
    await fineTune(fresh, options);
    return await weights(fresh);
  } finally {
    fresh.dispose();
  }
}

Deno.test("the loss falls, on the same weights every time", async () => {
  await testBackend();
  const losses: number[][] = [[], []];
  const results: Float32Array[][] = [];
  for (const run of [0, 1]) {
    results.push(
      await trained({
        ...await options(32),
        max_steps: 16,
        onStep: ({ loss }) => losses[run]!.push(loss),
      }),
    );
  }
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / 4;
  const [start, end] = [losses[0]!.slice(0, 4), losses[0]!.slice(-4)];
  assert(mean(end) < mean(start) - 0.1, `${losses[0]}`);
  assertSame([losses[1]!], [losses[0]!]);
  assertSame(results[1]!, results[0]!);
});

Deno.test({
  name: "weights move as on wasm",
  ignore: testBackendName === "wasm",
  fn: async () => {
    const start = await model();
    const { names } = stateDictOf(start);
    const before = await weights(start);
    start.dispose();
    await testBackend();
    const found = await trained(await fullRecipe());
    await useBackend("wasm");
    const expected = await trained(await fullRecipe());
    await testBackend();
    for (const [i, name] of names.entries()) {
      let apart = 0;
      let moved = 0;
      for (const [j, value] of expected[i]!.entries()) {
        apart += (found[i]![j]! - value) ** 2;
        moved += (value - before[i]![j]!) ** 2;
      }
      const share = Math.sqrt(apart / moved);
      assert(share < 0.01, `${name}: ${share} of the way off`);
    }
  },
});

Deno.test("a run that was stopped goes on to the same weights", async () => {
  await testBackend();
  const recipe = { ...await fullRecipe(), state_interval: 2 };
  const expected = await trained(recipe);
  for (const stop of [1, 5]) {
    await inTemporaryFolder(async (folder) => {
      const log_dir = `${folder}/log`;
      await assertRejects(
        () =>
          trained({
            ...recipe,
            log_dir,
            onStep({ step }) {
              if (step === stop) throw new Error("power cut");
            },
          }),
        Error,
        "power cut",
      );
      assertSame(await trained({ ...recipe, log_dir }), expected);
      const log = await Deno.readTextFile(`${log_dir}/metrics.csv`);
      const steps = log.trim().split("\n").map((row) => row.split(",")[0]);
      assertEquals(steps, ["step", ..."12345678"]);
      // A finished run has nothing left to do.
      let more = 0;
      const again = { ...recipe, log_dir, onStep: () => void more++ };
      assertSame(await trained(again), expected);
      assertEquals(more, 0);
    });
  }
});

Deno.test("a log folder of another recipe is not gone on with", async () => {
  await testBackend();
  await inTemporaryFolder(async (log_dir) => {
    const recipe = { ...await options(), max_steps: 1, log_dir };
    await trained(recipe);
    await assertRejects(
      () => trained({ ...recipe, batch_size: 8 }),
      Error,
      "batch_size 16, found 8",
    );
    await trained({ ...recipe, batch_size: 8, resume: false });
  });
});

Deno.test("accumulated batches make the step of one large batch", async () => {
  await testBackend();
  const recipe = {
    ...await options(40),
    optimizer: { name: "sgd", lr: 0.1, momentum: 0.9 },
    max_steps: 4,
  };
  const [whole, parts] = [
    await trained({ ...recipe, batch_size: 16 }),
    await trained({ ...recipe, batch_size: 4, accumulate_grad_batches: 4 }),
  ];
  for (const [i, expected] of whole!.entries()) {
    const difference = Math.max(
      ...expected.map((value, j) => Math.abs(value - parts![i]![j]!)),
    );
    assert(difference < 1e-5, `${difference}`);
  }
});

Deno.test("what is frozen stays as it was", async () => {
  await testBackend();
  const start = await model();
  const before = await weights(start);
  const { names } = stateDictOf(start);
  start.dispose();
  for (
    const [choice, learns] of [
      [{ freeze: "backbone" }, "classifier."],
      [{ head_steps: 2 }, "classifier."],
      [{ freeze: "head" }, "convnext."],
    ] as const
  ) {
    const after = await trained({
      ...await options(),
      ...choice,
      max_steps: 2,
    });
    for (const [i, name] of names.entries()) {
      const changed = after[i]!.some((value, j) => value !== before[i]![j]);
      assertEquals(changed, name.startsWith(learns), `${name} ${learns}`);
    }
  }
});

Deno.test("the best models are kept, and validation is logged", async () => {
  await testBackend();
  await inTemporaryFolder(async (log_dir) => {
    const recipe = await options();
    const fresh = await model();
    const { checkpoints, validation, steps } = await fineTune(fresh, {
      ...recipe,
      max_steps: -1,
      max_epochs: 3,
      val: recipe.train,
      log_dir,
      save_top_k: 2,
      saveModel: (_, folder) => Deno.mkdir(folder, { recursive: true }),
    });
    fresh.dispose();
    assertEquals(steps, 9);
    assertEquals(checkpoints.length, 2);
    assert(checkpoints[0]!.score >= checkpoints[1]!.score);
    assert(validation!.accuracy >= 0 && validation!.loss > 0);
    const saved = Array.from(
      Deno.readDirSync(`${log_dir}/checkpoints`),
      ({ name }) => `checkpoints/${name}`,
    );
    assertEquals(saved.sort(), checkpoints.map(({ folder }) => folder).sort());
    const log = await Deno.readTextFile(`${log_dir}/metrics.csv`);
    const rows = log.trim().split("\n").slice(1).map((row) => row.split(","));
    assertEquals(
      rows.map((row) => row[6] !== ""),
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((step) => step % 3 === 0),
    );
  });
});

Deno.test("stochastic depth is on in training, and repeats", async () => {
  await testBackend();
  const run = async (rate: number): Promise<Float32Array[]> => {
    const plain = await loadConvNext(MODEL);
    const state = stateDictOf(plain);
    const { convNextFromStateDict, configOf } = await import(
      "../../src/convnext/mod.ts"
    );
    const fresh = withLabels(
      await convNextFromStateDict(
        { ...configOf(plain), drop_path_rate: rate },
        state,
      ),
      DIGITS,
      3,
    );
    plain.dispose();
    await fineTune(fresh, { ...await options(), max_steps: 2 });
    const result = await weights(fresh);
    fresh.dispose();
    return result;
  };
  const dropped = await run(0.5);
  assertSame(await run(0.5), dropped);
  assert(
    (await run(0)).some((values, i) =>
      values.some((value, j) => value !== dropped[i]![j])
    ),
  );
});

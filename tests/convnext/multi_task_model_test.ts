import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import {
  attachHead,
  backboneOf,
  configOf,
  fusionTargets,
  headOf,
  labelsOf,
  loadConvNext,
  loadMultiTaskModel,
  MultiTaskModel,
  sameLabels,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { CheckpointError, ModelPoolError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { copyFolder, inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const MICRO = dataPath("tests/data/micro_pool");

Deno.test("forTask: each task's logits over one backbone", async () => {
  const before = tf.memory().numTensors;
  const experts = await Promise.all(
    ["alpha", "beta", "gamma"].map((name) => loadConvNext(`${MICRO}/${name}`)),
  );
  const base = await loadConvNext(`${MICRO}/pretrained`);
  const names = ["alpha", "beta", "gamma"] as const;
  const multiTask = new MultiTaskModel(
    base,
    new Map(names.map((name, i) => [name, headOf(experts[i]!)])),
  );
  assertEquals(multiTask.tasks, ["alpha", "beta", "gamma"]);
  const backboneWeights = backboneOf(base).weights.length;
  const pixels = tf.randomNormal(
    [2, 32, 32, 3],
    0,
    1,
    "float32",
    1,
  ) as tf.Tensor4D;
  const pooled = backboneOf(base).apply(pixels) as tf.Tensor2D;
  // What inference prepares once for each block is there by now.
  const held = tf.memory().numTensors - 2;
  for (const [i, name] of names.entries()) {
    const model = await multiTask.forTask(name);
    assertEquals(backboneOf(model), backboneOf(base));
    assertEquals(fusionTargets(model), ["convnext"]);
    assert(sameLabels(configOf(model), configOf(experts[i]!)));
    // The expert's own Dense on the shared backbone's features.
    const expected = experts[i]!.getLayer("classifier").apply(
      pooled,
    ) as tf.Tensor;
    const actual = model.apply(pixels) as tf.Tensor;
    assertEquals(actual.shape, [2, [4, 7, 3][i]]);
    assertEquals(await actual.data(), await expected.data());
    tf.dispose([expected, actual]);
    assertEquals(await multiTask.forTask(name), model);
  }
  tf.dispose([pixels, pooled]);
  // Two weights for each head; of the backbone, none again.
  assert(backboneWeights > 50);
  assertEquals(tf.memory().numTensors, held + 6);
  await multiTask.dispose();
  for (const expert of experts) expert.dispose();
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("a shared backbone lives until its last model is disposed of", async () => {
  const before = tf.memory().numTensors;
  const model = await loadConvNext(`${MICRO}/alpha`);
  const backbone = backboneOf(model);
  const heads = [1, 2].map(() => attachHead(backbone, configOf(model)));
  model.dispose();
  heads[0]!.dispose();
  const logits = heads[1]!.apply(tf.ones([1, 32, 32, 3])) as tf.Tensor;
  assertEquals(logits.shape, [1, 4]);
  logits.dispose();
  heads[1]!.dispose();
  // The input of ones is all that is left.
  assertEquals(tf.memory().numTensors, before + 1);
});

Deno.test("a model with one head has it for every task", async () => {
  const model = await loadConvNext(`${MICRO}/gamma`);
  const multiTask = new MultiTaskModel(model);
  assertEquals(multiTask.tasks, []);
  assertEquals(await multiTask.forTask("anything"), model);
  await multiTask.dispose();
});

Deno.test("a missing head: the task and those there are named", async () => {
  const model = await loadConvNext(`${MICRO}/gamma`);
  const multiTask = new MultiTaskModel(
    model,
    new Map([["gamma", headOf(model)]]),
  );
  await assertRejects(
    () => Promise.resolve().then(() => multiTask.forTask("delta")),
    ModelPoolError,
    "no head for task delta, it has heads for gamma",
  );
  await multiTask.dispose();
});

Deno.test("withBackbone: the same heads on other features", async () => {
  const [alpha, beta] = [
    await loadConvNext(`${MICRO}/alpha`),
    await loadConvNext(`${MICRO}/beta`),
  ];
  const multiTask = new MultiTaskModel(
    alpha,
    new Map([["beta", headOf(beta)]]),
  );
  const moved = await multiTask.withBackbone(beta).forTask("beta");
  const pixels = tf.ones([1, 32, 32, 3]);
  assertEquals(
    await (moved.apply(pixels) as tf.Tensor).data(),
    await (beta.apply(pixels) as tf.Tensor).data(),
  );
});

Deno.test("loadMultiTaskModel reads heads/<task>/", async () => {
  await inTemporaryFolder(async (folder) => {
    await copyFolder(`${MICRO}/pretrained`, folder);
    for (const task of ["beta", "alpha"]) {
      await copyFolder(`${MICRO}/${task}`, `${folder}/heads/${task}`);
    }
    await Deno.writeTextFile(`${folder}/heads/notes.txt`, "no head");
    const multiTask = await loadMultiTaskModel(folder);
    assertEquals(multiTask.tasks, ["alpha", "beta"]);
    const beta = await multiTask.forTask("beta");
    const source = await openCheckpoint(`${MICRO}/beta`);
    assertEquals(
      await stateDictOf(beta).read("classifier.weight"),
      await source.read("classifier.weight"),
    );
    source.close();
    assertEquals(labelsOf(configOf(beta)).length, 7);
    await multiTask.dispose();
    const plain = await loadMultiTaskModel(`${MICRO}/alpha`);
    assertEquals(plain.tasks, []);
    await plain.dispose();
  });
});

Deno.test("weights that do not fit the config: the tensor and both shapes are named", async () => {
  await inTemporaryFolder(async (folder) => {
    await copyFolder(`${MICRO}/alpha`, folder);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    const write = (changes: Record<string, unknown>): Promise<void> =>
      Deno.writeTextFile(
        `${folder}/config.json`,
        JSON.stringify({ ...config, ...changes }),
      );
    const before = tf.memory().numTensors;
    await write({ hidden_sizes: [8, 16, 24, 40] });
    const error = await assertRejects(
      () => loadConvNext(folder),
      CheckpointError,
    );
    assert(
      /tensor \S+ has shape \[.*\], its config.json expects \[/.test(
        error.message,
      ),
      error.message,
    );
    await write({ depths: [1, 1, 1, 1] });
    await assertRejects(
      () => loadConvNext(folder),
      CheckpointError,
      "convnext.encoder.stages.2.layers.1.",
    );
    await write({ depths: [1, 1, 3, 1] });
    await assertRejects(
      () => loadConvNext(folder),
      CheckpointError,
      "is missing",
    );
    assertEquals(tf.memory().numTensors, before, "nothing stays behind");
  });
});

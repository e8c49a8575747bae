import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import {
  backboneOf,
  configOf,
  loadMultiTaskModel,
  MultiTaskModel,
  numLabels,
  openTaskMasks,
  packMask,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { CheckpointError, ModelPoolError } from "../../src/fusion_error.ts";
import { loadMethod } from "../../src/method/mod.ts";
import { mergeModels, mergeToFolder } from "../../src/modelpool/mod.ts";
import { microModelPool, taskBackbone } from "../task_masks_case.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const TASKS = ["alpha", "beta", "gamma"];
const emr = await loadMethod("emr_merging/emr_merging");

async function loadMasked(folder: string): Promise<MultiTaskModel> {
  const model = await loadMultiTaskModel(folder);
  if (model instanceof MultiTaskModel) return model;
  throw new Error("not a MultiTaskModel");
}

Deno.test("packMask packs as numpy.packbits", () => {
  assertEquals(
    packMask([1, 0, 0, 0, 0, 0, 1, 1, 0, 1]),
    Float32Array.of(131, 64),
  );
  assertEquals(packMask([]), new Float32Array(0));
});

Deno.test("masks: in memory, streamed in any chunks and saved again, the same backbones", async () => {
  await inTemporaryFolder(async (folder) => {
    const pool = microModelPool();
    const inMemory = await mergeModels(pool, emr);
    const same = async (path: string) => {
      const loaded = await loadMasked(path);
      for (const task of TASKS) {
        const expected = taskBackbone(inMemory, task);
        const actual = taskBackbone(loaded, task);
        for (const name of expected.names) {
          assertEquals(
            await actual.read(name),
            await expected.read(name),
            `${path} ${task} ${name}`,
          );
        }
      }
      await loaded.dispose();
    };
    for (const chunkSize of [1001, 1 << 30]) {
      const path = `${folder}/${chunkSize}`;
      await mergeToFolder(pool, emr, path, { chunkSize, dtype: "float32" });
      await same(path);
    }
    await pool.saveModel(inMemory, `${folder}/saved`);
    await same(`${folder}/saved`);
    await inMemory.dispose();
  });
});

Deno.test("masks: a range of a task's tensor is that part of the whole", async () => {
  const model = await mergeModels(microModelPool(), emr);
  const task = taskBackbone(model, "beta");
  const name = "convnext.encoder.stages.1.layers.0.pwconv1.weight";
  const whole = await task.read(name);
  for (const [begin, end] of [[0, 1], [3, 21], [8, 16], [13, whole.length]]) {
    assertEquals(await task.read(name, begin, end), whole.slice(begin, end));
  }
  await model.dispose();
});

Deno.test("masks: the folder is that of a merged model with a bit an element beside it", async () => {
  await inTemporaryFolder(async (folder) => {
    let last = [0, 0];
    await mergeToFolder(microModelPool(), emr, `${folder}/merged`, {
      onProgress: (done, total) => {
        assert(done / total >= last[0]!, "progress never falls");
        last = [done / total, total];
      },
    });
    assertEquals(last[0], 1);
    assertEquals(listNames(`${folder}/merged/masks`), [
      "_pretrained_.safetensors",
      "alpha.safetensors",
      "beta.safetensors",
      "gamma.safetensors",
    ]);
    const masks = (await openTaskMasks(`${folder}/merged`))!;
    const merged = await openCheckpoint(`${folder}/merged`);
    const targets = merged.names.filter((name) => name.startsWith("convnext."));
    assertEquals(masks.pretrained.names.toSorted(), targets.toSorted());
    const alpha = masks.masks.get("alpha")!;
    assertEquals(alpha.names.toSorted(), [...targets, "scale"].toSorted());
    for (const name of targets) {
      const size = merged.info(name).shape.reduce((n, side) => n * side, 1);
      assertEquals(alpha.info(name), {
        dtype: "U8",
        shape: [Math.ceil(size / 8)],
      });
    }
    const info = JSON.parse(
      await Deno.readTextFile(`${folder}/merged/merge.json`),
    );
    assert(/scale \* mask \* \(merged - pretrained\)/.test(info.task_masks));
    merged.close();
    masks.pretrained.close();
    for (const mask of masks.masks.values()) mask.close();
    // A method without masks leaves none behind when it replaces the folder.
    await mergeToFolder(
      microModelPool(),
      await loadMethod("simple_average"),
      `${folder}/merged`,
    );
    assertEquals(await openTaskMasks(`${folder}/merged`), undefined);
  });
});

Deno.test("masks: each task has its own backbone and head, released with withTask", async () => {
  const before = tf.memory().numTensors;
  const model = await mergeModels(microModelPool(), emr);
  const held = tf.memory().numTensors;
  const weight = "convnext.encoder.stages.1.layers.0.pwconv1.weight";
  const labels: number[] = [];
  for (const task of TASKS) {
    await model.withTask(task, async (own) => {
      assert(backboneOf(own) !== backboneOf(model.model));
      labels.push(numLabels(configOf(own)));
      assertEquals(
        await stateDictOf(own).read(weight),
        await taskBackbone(model, task).read(weight),
      );
    });
    assertEquals(tf.memory().numTensors, held);
  }
  assertEquals(labels, [4, 7, 3]);
  const kept = await model.forTask("beta");
  await model.withTask("beta", (own) => {
    assertEquals(own, kept, "one that was asked for is used, and kept");
    return Promise.resolve();
  });
  const pixels = tf.ones([1, 32, 32, 3]);
  const logits = kept.apply(pixels) as tf.Tensor;
  assertEquals(logits.shape, [1, 7]);
  tf.dispose([pixels, logits]);
  await assertRejects(
    () => model.withTask("delta", () => Promise.resolve()),
    ModelPoolError,
    "no head for task delta",
  );
  await model.dispose();
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("masks: weights are counted once for all tasks", async () => {
  const masked = await mergeModels(microModelPool(), emr);
  const plain = await mergeModels(
    microModelPool(),
    await loadMethod("simple_average"),
  );
  let expected = backboneOf(plain.model).countParams();
  for (const task of TASKS) {
    expected += (await plain.forTask(task)).getLayer("classifier")
      .countParams();
  }
  assertEquals(plain.countParameters(), expected);
  assertEquals(masked.countParameters(), expected);
  await masked.dispose();
  await plain.dispose();
});

Deno.test("masks: a task without a mask is named", async () => {
  await inTemporaryFolder(async (folder) => {
    await mergeToFolder(microModelPool(), emr, `${folder}/merged`);
    await Deno.remove(`${folder}/merged/masks/beta.safetensors`);
    const model = await loadMultiTaskModel(`${folder}/merged`);
    await assertRejects(
      () => model.forTask("beta"),
      CheckpointError,
      "no mask for task beta, it has masks for alpha, gamma",
    );
    await Deno.remove(`${folder}/merged/masks/_pretrained_.safetensors`);
    await assertRejects(
      () => loadMultiTaskModel(`${folder}/merged`),
      CheckpointError,
      "masks/_pretrained_.safetensors",
    );
  });
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  configOf,
  fusionTargets,
  loadConvNext,
  loadLayersModel,
  openConvNext,
  openConvNextStateDict,
  readConvNextConfig,
  saveLayersModel,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { FusionError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

/** Saves a small model; the caller disposes of it. */
async function saveAlpha(
  folder: string,
): Promise<{ model: tf.LayersModel; path: string; text: string }> {
  const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));
  await saveLayersModel(model, folder);
  const path = `${folder}/model.json`;
  return { model, path, text: await Deno.readTextFile(path) };
}

Deno.test("a LayersModel folder, read again, is the same model", async () => {
  await inTemporaryFolder(async (folder) => {
    const model = await loadConvNext(dataPath("tests/data/demo_pool/emoji"));
    await saveLayersModel(model, folder);
    assertEquals(listNames(folder), ["model.json", "weights.bin"]);
    const loaded = await loadLayersModel(folder);
    assertEquals(fusionTargets(loaded), ["convnext"]);
    assertEquals(configOf(loaded), configOf(model));
    const [before, after] = [stateDictOf(model), stateDictOf(loaded)];
    assertEquals(after.names, before.names);
    for (const name of before.names) {
      assertEquals(await after.read(name), await before.read(name));
    }
    model.dispose();
    loaded.dispose();
  });
});

Deno.test("a folder that is no LayersModel of this project", async () => {
  await inTemporaryFolder(async (folder) => {
    const refused = async (words: string): Promise<void> => {
      const error = await assertRejects(
        () => loadLayersModel(folder),
        FusionError,
        words,
      );
      assert(error.message.includes(`${folder}/`), error.message);
    };
    await refused("not found");
    await Deno.writeTextFile(`${folder}/model.json`, "<html>");
    await refused("not JSON");
    await Deno.writeTextFile(`${folder}/model.json`, "{}");
    await refused("weightsManifest is undefined");

    const other = tf.sequential({
      layers: [tf.layers.dense({ units: 1, inputShape: [2] })],
    }) as unknown as tf.LayersModel;
    await saveLayersModel(other, folder);
    await refused("no fusion targets");
    other.dispose();

    const { model, path, text } = await saveAlpha(folder);
    model.dispose();
    const tensors = tf.memory().numTensors;
    await Deno.truncate(`${folder}/weights.bin`, 1000);
    await refused("its weight files have 1000 bytes, expected ");
    await Deno.remove(`${folder}/weights.bin`);
    await refused("weights.bin");
    await Deno.writeFile(`${folder}/weights.bin`, new Uint8Array());
    const changed = async (
      change: (manifest: tf.io.WeightsManifestConfig[number]) => void,
      words: string,
    ): Promise<void> => {
      const copy = JSON.parse(text);
      change(copy.weightsManifest[0]);
      await Deno.writeTextFile(path, JSON.stringify(copy));
      await refused(words);
    };
    await changed(({ paths }) => {
      paths[0] = "../../secret";
    }, 'weightsManifest.0.paths.0 is "../../secret"');
    await changed(({ weights }) => {
      weights[0]!.shape = [2 ** 40];
    }, "its weight files have 0 bytes, expected ");
    // TensorFlow.js reads texts one by one: as many as the shape says.
    await changed(({ weights }) => {
      weights[0]!.dtype = "string";
    }, 'weightsManifest.0.weights.0.dtype is "string"');
    assertEquals(tf.memory().numTensors, tensors);
  });
});

// TensorFlow.js tries again and again to connect what is connected to nothing.
Deno.test("a topology that leads nowhere is not followed", async () => {
  await inTemporaryFolder(async (folder) => {
    const { model, path, text } = await saveAlpha(folder);
    const json = JSON.parse(text);
    const { layers } = json.modelTopology.config;
    const classifier = layers.at(-1);
    assertEquals(classifier.name, "classifier");
    classifier.inbound_nodes[0][0][0] = "nothing";
    layers[1].config.layers[1].config.filters = 1e9;
    await Deno.writeTextFile(path, JSON.stringify(json));
    const loaded = await loadLayersModel(folder);
    const pixels = tf.randomNormal([1, 32, 32, 3]);
    assertEquals(
      await (loaded.apply(pixels) as tf.Tensor).data(),
      await (model.apply(pixels) as tf.Tensor).data(),
    );
    model.dispose();
    loaded.dispose();
  });
});

Deno.test("a config.json beside a LayersModel is its config to every reader", async () => {
  await inTemporaryFolder(async (folder) => {
    const { model, path, text } = await saveAlpha(folder);
    model.dispose();
    const { userDefinedMetadata, ...json } = JSON.parse(text);
    const config = { ...userDefinedMetadata.config, dtype: "bfloat16" };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    await Deno.writeTextFile(path, JSON.stringify(json));
    assertEquals((await readConvNextConfig(folder))["dtype"], "bfloat16");
    const [whole, tensors] = [
      (await openConvNext(folder)).stateDict,
      await openConvNextStateDict(folder),
    ];
    const name = "classifier.weight";
    assertEquals(whole.info(name), { dtype: "BF16", shape: [4, 32] });
    assertEquals(tensors.info(name), whole.info(name));
    assertEquals(await tensors.read(name), await whole.read(name));
    whole.close();
    tensors.close();
  });
});

Deno.test("a config in a LayersModel's metadata that nests too deep is refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const { model, path, text } = await saveAlpha(folder);
    model.dispose();
    const deep = "[".repeat(3000) + "]".repeat(3000);
    await Deno.writeTextFile(
      path,
      text.replace('"hidden_act":', `"deep":${deep},"hidden_act":`),
    );
    const { message } = await assertRejects(() => loadConvNext(folder));
    assert(message.includes(`${path}: nested more than 100 deep`), message);
  });
});

Deno.test("a quantized LayersModel that was saved with its optimizer", async () => {
  await inTemporaryFolder(async (folder) => {
    const { model, path, text } = await saveAlpha(folder);
    const json = JSON.parse(text);
    const [manifest] = json.weightsManifest;
    for (const spec of manifest.weights) {
      spec.quantization = { dtype: "float16", original_dtype: "float32" };
    }
    manifest.weights.push({
      name: "iter",
      shape: [],
      dtype: "int32",
      group: "optimizer",
    });
    const weights = new Float32Array(
      (await Deno.readFile(`${folder}/weights.bin`)).buffer,
    );
    const halves = new Float16Array(weights.length + 2);
    halves.set(weights);
    await Deno.writeFile(
      `${folder}/weights.bin`,
      new Uint8Array(halves.buffer),
    );
    await Deno.writeTextFile(path, JSON.stringify(json));
    const loaded = await loadLayersModel(folder);
    const [whole, half] = [stateDictOf(model), stateDictOf(loaded)];
    for (const name of whole.names) {
      assertEquals(
        await half.read(name),
        (await whole.read(name)).map(Math.f16round),
        name,
      );
    }
    model.dispose();
    loaded.dispose();
  });
});

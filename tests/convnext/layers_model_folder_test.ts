import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  configOf,
  fusionTargets,
  loadConvNext,
  loadLayersModel,
  saveLayersModel,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

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
        CheckpointError,
        words,
      );
      assert(error.message.startsWith(`${folder}/model.json`), error.message);
    };
    await refused("not found");
    await Deno.writeTextFile(`${folder}/model.json`, "<html>");
    await refused("not JSON");
    await Deno.writeTextFile(`${folder}/model.json`, "{}");
    await refused("cannot be loaded");

    const other = tf.sequential({
      layers: [tf.layers.dense({ units: 1, inputShape: [2] })],
    }) as unknown as tf.LayersModel;
    await saveLayersModel(other, folder);
    await refused("no fusion targets");
    other.dispose();

    const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));
    await saveLayersModel(model, folder);
    model.dispose();
    await Deno.truncate(`${folder}/weights.bin`, 1000);
    await refused("cannot be loaded");
    await Deno.remove(`${folder}/weights.bin`);
    await refused("cannot be loaded");
    const json = JSON.parse(await Deno.readTextFile(`${folder}/model.json`));
    json.weightsManifest[0].paths = ["../../secret"];
    await Deno.writeTextFile(`${folder}/model.json`, JSON.stringify(json));
    await refused("../../secret");
  });
});

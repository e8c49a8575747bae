import { assertEquals } from "@std/assert";
import {
  elementCount,
  openCheckpoint,
  SafetensorsWriter,
} from "../../src/checkpoint/mod.ts";
import {
  loadConvNext,
  openConvNext,
  saveLayersModel,
} from "../../src/convnext/mod.ts";
import { loadMethod } from "../../src/method/mod.ts";
import {
  ConvNextForImageClassificationPool,
  mergeModels,
  mergeToFolder,
} from "../../src/modelpool/mod.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

/** A Hugging Face folder of the same model with every weight doubled. */
async function double(from: string, to: string): Promise<void> {
  const { config, stateDict } = await openConvNext(from);
  await Deno.mkdir(to);
  await Deno.writeTextFile(`${to}/config.json`, JSON.stringify(config));
  const writer = await SafetensorsWriter.create(
    `${to}/model.safetensors`,
    stateDict.names.map((name) => ({ name, ...stateDict.info(name) })),
  );
  for (const name of stateDict.names) {
    const values = await stateDict.read(name);
    await writer.write(name, 0, values.map((value) => 2 * value));
  }
  await writer.finish();
  stateDict.close();
}

/** A folder of a TensorFlow.js LayersModel. */
async function layersModel(folder: string): Promise<string> {
  const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));
  await Deno.mkdir(folder);
  await saveLayersModel(model, folder);
  model.dispose();
  return folder;
}

for (
  const [name, backbone, className] of [
    ["convnextv2", "convnextv2", "ConvNextV2ForImageClassification"],
    ["timm", "convnext", "ConvNextForImageClassification"],
    ["timm_v2", "convnextv2", "ConvNextV2ForImageClassification"],
    ["tensorflowjs", "convnext", "ConvNextForImageClassification"],
  ] as const
) {
  Deno.test(`a pool of ${name} merges into a Hugging Face folder`, async () => {
    await inTemporaryFolder(async (folder) => {
      const first = name === "tensorflowjs"
        ? await layersModel(`${folder}/first`)
        : dataPath(`tests/data/formats/${name}`);
      await double(first, `${folder}/twice`);
      const pool = new ConvNextForImageClassificationPool({
        models: { first, twice: `${folder}/twice` },
      });
      const method = await loadMethod("simple_average", {});
      await mergeToFolder(pool, method, `${folder}/merged`);
      const { stateDict: source } = await openConvNext(first);
      const merged = await openCheckpoint(`${folder}/merged`);
      assertEquals(merged.names.toSorted(), source.names.toSorted());
      for (const tensor of source.names) {
        const values = await source.read(
          tensor,
          0,
          elementCount(
            source.info(tensor).shape,
          ),
        );
        const factor = tensor.startsWith(`${backbone}.`) ? 1.5 : 1;
        assertEquals(
          await merged.read(tensor),
          values.map((value) => factor * value),
          tensor,
        );
      }
      merged.close();
      source.close();
      const json = async (file: string) =>
        JSON.parse(await Deno.readTextFile(`${folder}/merged/${file}`));
      assertEquals((await json("config.json")).architectures, [className]);
      assertEquals((await json("merge.json")).fusion_targets, [backbone]);
      const model = await loadConvNext(`${folder}/merged`);
      const inMemory = await mergeModels(pool, method);
      assertEquals(inMemory.model.name, model.name);
      assertEquals(inMemory.tasks, ["first", "twice"]);
      await inMemory.dispose();
      model.dispose();
    });
  });
}

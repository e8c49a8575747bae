import { assert } from "@std/assert";
import * as fc from "fast-check";
import { mergeInfo } from "../../src/cli/merge_info.ts";
import { composeRunConfig } from "../../src/config/mod.ts";
import {
  AutoImageProcessor,
  loadConvNext,
  loadLayersModel,
  loadMultiTaskModel,
  saveLayersModel,
} from "../../src/convnext/mod.ts";
import { dataPath } from "../reference.ts";
import { copyFolder, inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";
import { assertSafe } from "./dataset_case.ts";
import { jsonChanges } from "./json_changes.ts";
import { fuzz, mutations } from "./mutations.ts";

const MICRO = dataPath("tests/data/micro_pool/pretrained");

/** Tries a JSON file of a folder: damaged as bytes, and wrong as JSON. */
async function fuzzJson(
  folder: string,
  name: string,
  work: () => Promise<unknown>,
): Promise<void> {
  const path = `${folder}/${name}`;
  const whole = await Deno.readFile(path);
  const json = JSON.parse(new TextDecoder().decode(whole));
  await fuzz(
    name,
    fc.asyncProperty(
      fc.oneof(
        mutations.map((change) => change(whole)),
        jsonChanges.map((change) =>
          new TextEncoder().encode(JSON.stringify(change(json)) ?? "")
        ),
      ),
      async (bytes) => {
        await Deno.writeFile(path, bytes);
        await assertSafe(folder, work);
      },
    ),
  );
  await Deno.writeFile(path, whole);
}

Deno.test("fuzz: a LayersModel's model.json and weights.bin", async () => {
  await testBackend();
  await inTemporaryFolder(async (folder) => {
    const model = await loadConvNext(MICRO);
    await saveLayersModel(model, folder);
    model.dispose();
    const load = async (): Promise<unknown> =>
      (await loadLayersModel(folder)).dispose();
    await load();
    await fuzzJson(folder, "model.json", load);
    const path = `${folder}/weights.bin`;
    const whole = await Deno.readFile(path);
    await fuzz(
      "weights.bin of a LayersModel",
      fc.asyncProperty(mutations, async (change) => {
        await Deno.writeFile(path, change(whole));
        await assertSafe(folder, load);
      }),
    );
  });
});

Deno.test("fuzz: preprocessor_config.json", async () => {
  await testBackend();
  await inTemporaryFolder(async (folder) => {
    const name = "preprocessor_config.json";
    await Deno.copyFile(
      dataPath(`tests/data/demo_pool/mnist/${name}`),
      `${folder}/${name}`,
    );
    const image = { width: 5, height: 4, data: new Uint8Array(60).fill(99) };
    await fuzzJson(folder, name, async () => {
      const processor = await AutoImageProcessor.fromPretrained(folder);
      assert(processor.preprocess([image]).data.length < 2 ** 28);
    });
  });
});

Deno.test("fuzz: config.json, heads and merge.json of a merged model", async () => {
  await testBackend();
  await inTemporaryFolder(async (folder) => {
    await copyFolder(MICRO, folder);
    await copyFolder(MICRO, `${folder}/heads/a`);
    await Deno.writeTextFile(
      `${folder}/merge.json`,
      JSON.stringify({
        method: "simple_average",
        parameters: {},
        fusion_targets: ["convnext"],
        models: { a: { path: MICRO, sha256: { "model.safetensors": "0" } } },
        versions: { backend: "wasm" },
      }),
    );
    const load = async (): Promise<void> =>
      await (await loadMultiTaskModel(folder)).dispose();
    await load();
    for (const name of ["config.json", "heads/a/config.json", "merge.json"]) {
      await fuzzJson(folder, name, load);
    }
    const { log } = console;
    console.log = () => {};
    try {
      await fuzzJson(folder, "merge.json", () => mergeInfo([folder], {}));
    } finally {
      console.log = log;
    }
  });
});

for (const file of ["method/ties_merging", "taskpool/dummy"]) {
  Deno.test(`fuzz: damaged YAML ${file}`, async () => {
    const whole = await Deno.readFile(dataPath(`config/${file}.yaml`));
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/x.yaml`;
      const group = file.split("/")[0]!;
      await fuzz(
        `YAML of a ${group}`,
        fc.asyncProperty(mutations, async (change) => {
          await Deno.writeFile(path, change(whole));
          await assertSafe("", () =>
            composeRunConfig([
              ...(group === "method" ? [] : ["method=simple_average"]),
              "modelpool=demo",
              `${group}=${path}`,
            ]));
        }),
      );
    });
  });
}

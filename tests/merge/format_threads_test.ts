import { assert, assertEquals } from "@std/assert";
import { SafetensorsWriter, type StateDict } from "../../src/checkpoint/mod.ts";
import {
  architectureOf,
  huggingFaceToTimm,
  loadConvNext,
  openConvNext,
  openConvNextStateDict,
  saveLayersModel,
} from "../../src/convnext/mod.ts";
import { closePool, mergeInMemory } from "../../src/merge/mod.ts";
import { loadMethod } from "../../src/method/mod.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const NAMES = ["pretrained", "alpha", "beta"];

/** Writes a model of the micro pool in another format. */
const WRITE: Record<string, (from: string, to: string) => Promise<void>> = {
  async timm(from, to) {
    const { config, stateDict } = await openConvNext(from);
    const timm = huggingFaceToTimm(stateDict, architectureOf(config));
    const writer = await SafetensorsWriter.create(
      `${to}/model.safetensors`,
      timm.names.map((name) => ({ name, ...timm.info(name) })),
    );
    for (const name of timm.names) {
      await writer.write(name, 0, await timm.read(name));
    }
    await writer.finish();
    timm.close();
  },
  async tensorflowjs(from, to) {
    const model = await loadConvNext(from);
    await saveLayersModel(model, to);
    model.dispose();
  },
};

async function merge(
  folderOf: (name: string) => string,
  method: string,
  threadsFrom: number,
): Promise<StateDict> {
  const [pretrained, ...models] = await Promise.all(
    NAMES.map((name) => openConvNextStateDict(folderOf(name))),
  );
  const pool = {
    pretrained: pretrained!,
    models: new Map(models.map((model, i) => [NAMES[i + 1]!, model])),
  };
  assert(models.every(({ location }) => location !== undefined));
  try {
    return await mergeInMemory(pool, await loadMethod(method, {}), {
      threadsFrom,
      chunkSize: 1000,
    });
  } finally {
    closePool(pool);
  }
}

const micro = (name: string): string =>
  dataPath(`tests/data/micro_pool/${name}`);

for (const [format, write] of Object.entries(WRITE)) {
  for (const method of ["ties_merging", "magmax/magmax"]) {
    Deno.test(`${method} of ${format} files is that of Hugging Face's, in threads and without`, async () => {
      await inTemporaryFolder(async (folder) => {
        for (const name of NAMES) {
          await Deno.mkdir(`${folder}/${name}`);
          await write(micro(name), `${folder}/${name}`);
        }
        for (const threadsFrom of [0, Infinity]) {
          const expected = await merge(micro, method, threadsFrom);
          const found = await merge(
            (name) => `${folder}/${name}`,
            method,
            threadsFrom,
          );
          assertEquals(found.names.toSorted(), expected.names.toSorted());
          for (const name of expected.names) {
            assertEquals(await found.read(name), await expected.read(name));
          }
        }
      });
    });
  }
}

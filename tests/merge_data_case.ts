import { openCheckpoint } from "../src/checkpoint/mod.ts";
import { stateDictOf } from "../src/convnext/mod.ts";
import type { ImageClassificationDataset } from "../src/dataset/mod.ts";
import { loadMethod } from "../src/method/mod.ts";
import {
  ConvNextForImageClassificationPool,
  mergeModels,
  type MergeModelsOptions,
} from "../src/modelpool/mod.ts";
import { dataPath, mergeDifference } from "./reference.ts";
import {
  copyFolder,
  DEMO_MODELS,
  inTemporaryFolder,
} from "./temporary_folder.ts";
import { testBackend } from "./test_backend.ts";

const EXPERTS = ["alpha", "beta", "gamma"];

/** 24 images of 32 x 32, as `tests/oracle/merge_with_data.py` makes them. */
export function hashedImages(task: number): ImageClassificationDataset {
  const size = 32 * 32 * 3;
  return {
    name: `hashed images ${task}`,
    length: 24,
    read(index) {
      const data = Uint8Array.from({ length: size }, (_, i) => {
        let x = Math.imul(index * size + i + 1_000_003 * task, 2654435761);
        x = Math.imul(x ^ (x >>> 15), 2246822519);
        return x >>> 24;
      });
      return Promise.resolve({
        image: { width: 32, height: 32, data },
        // No method may look at it.
        get label(): number {
          throw new Error("a label was read");
        },
      });
    },
  };
}

/** Uses the micro pool with an image processor and images. */
export async function withMicroPool(
  use: (pool: ConvNextForImageClassificationPool) => Promise<void>,
  images: (task: number) => ImageClassificationDataset = hashedImages,
): Promise<void> {
  await testBackend();
  await inTemporaryFolder(async (folder) => {
    await copyFolder(dataPath("tests/data/micro_pool"), folder);
    await Deno.writeTextFile(
      `${folder}/pretrained/preprocessor_config.json`,
      JSON.stringify({ do_resize: false }),
    );
    const datasets = Object.fromEntries(
      EXPERTS.map((name, i) => [name, images(i)]),
    );
    await use(
      new ConvNextForImageClassificationPool({
        models: Object.fromEntries(
          [["_pretrained_", `${folder}/pretrained`]].concat(
            EXPERTS.map((name) => [name, `${folder}/${name}`]),
          ),
        ),
        train_datasets: datasets,
        test_datasets: datasets,
      }),
    );
  });
}

/** The demo pool, whose test images stand for training images too. */
export function demoPool(): ConvNextForImageClassificationPool {
  const datasets = Object.fromEntries(
    Object.keys(DEMO_MODELS).filter((name) => name !== "_pretrained_").map(
      (task) => [task, dataPath(`tests/data/demo_data/${task}/test`)],
    ),
  );
  return new ConvNextForImageClassificationPool({
    models: DEMO_MODELS,
    train_datasets: datasets,
    test_datasets: datasets,
  });
}

/** How far a merge is from `golden/merge_data/NAME.safetensors`. */
export async function dataDifference(
  pool: ConvNextForImageClassificationPool,
  golden: string,
  method: string,
  parameters: Readonly<Record<string, unknown>>,
  options: MergeModelsOptions = {},
): Promise<number> {
  await testBackend();
  const merged = await mergeModels(
    pool,
    await loadMethod(method, parameters),
    options,
  );
  const expected = await openCheckpoint(
    dataPath(`tests/data/golden/merge_data/${golden}.safetensors`),
  );
  const pretrained = await pool.openStateDict("_pretrained_");
  const { difference } = await mergeDifference(
    stateDictOf(merged.model),
    expected,
    pretrained,
  );
  expected.close();
  pretrained.close();
  await merged.dispose();
  return difference;
}

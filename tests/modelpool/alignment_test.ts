import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { saveTensors, type StateDict } from "../../src/checkpoint/mod.ts";
import {
  loadConvNext,
  openConvNext,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { ModelPoolError } from "../../src/fusion_error.ts";
import { permutedStateDict, randomUniform } from "../../src/merge/mod.ts";
import { loadMethod } from "../../src/method/mod.ts";
import {
  type AlignmentOptions,
  ConvNextForImageClassificationPool,
  mergeModels,
  mergeToFolder,
} from "../../src/modelpool/mod.ts";
import { hashedImages } from "../merge_data_case.ts";
import { dataPath, relativeDifference } from "../reference.ts";
import { copyFolder, inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

/** A random order of every group of channels of a model. */
function randomPermutations(model: StateDict): Map<string, Int32Array> {
  const permutations = new Map<string, Int32Array>();
  for (const name of model.names) {
    const match = /stages\.(\d+)\.layers\.(\d+)\.pwconv1\.weight$/.exec(name);
    if (!match) continue;
    const [hidden, channels] = model.info(name).shape as [number, number];
    for (
      const [group, size] of [
        [`stage ${match[1]}`, channels],
        [`block ${match[1]}.${match[2]}`, hidden],
      ] as const
    ) {
      const draws = randomUniform(1, [group], 0, size);
      permutations.set(
        group,
        Int32Array.from(
          Array.from(draws.keys()).sort((a, b) => draws[a]! - draws[b]!),
        ),
      );
    }
  }
  return permutations;
}

/** Writes a copy of a model whose channels are in a random order. */
async function shuffleModel(folder: string, to: string): Promise<void> {
  await copyFolder(folder, to);
  const { stateDict } = await openConvNext(folder);
  const shuffled = permutedStateDict(stateDict, randomPermutations(stateDict));
  await saveTensors(`${to}/model.safetensors`, shuffled);
  shuffled.close();
}

async function withShuffled(
  source: string,
  alignment: AlignmentOptions | undefined,
  use: (
    pool: ConvNextForImageClassificationPool,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const first = dataPath(source);
    await shuffleModel(first, `${folder}/shuffled`);
    await copyFolder(first, `${folder}/first`);
    await Deno.writeTextFile(
      `${folder}/first/preprocessor_config.json`,
      JSON.stringify({ do_resize: false }),
    );
    await use(
      new ConvNextForImageClassificationPool({
        models: { first: `${folder}/first`, shuffled: `${folder}/shuffled` },
        train_datasets: { first: hashedImages(0) },
        alignment,
      }),
      folder,
    );
  });
}

const CASES: [string, AlignmentOptions][] = [
  ["tests/data/demo_pool/mnist", { method: "weight_matching" }],
  ["tests/data/formats/convnextv2", { method: "weight_matching" }],
  ["tests/data/micro_pool/alpha", { method: "weight_matching" }],
  [
    "tests/data/micro_pool/alpha",
    { method: "activation_matching", num_examples: 8 },
  ],
];

for (const [source, alignment] of CASES) {
  Deno.test(`${alignment.method}: a shuffled copy of ${source} merges with it to itself exactly`, async () => {
    await withShuffled(source, alignment, async (pool, folder) => {
      const merged = await mergeModels(
        pool,
        await loadMethod("simple_average"),
      );
      const { stateDict } = await openConvNext(`${folder}/first`);
      const ours = stateDictOf(merged.model);
      for (const name of stateDict.names) {
        assertEquals(await ours.read(name), await stateDict.read(name), name);
      }
      const head = stateDictOf(await merged.forTask("shuffled"));
      assertEquals(
        await head.read("classifier.weight"),
        await stateDict.read("classifier.weight"),
        "the head follows the last stage's channels",
      );
      stateDict.close();
      await merged.dispose();
    });
  });
}

Deno.test("a shuffled copy computes the same; without alignment its average with the original does not", async () => {
  await withShuffled(
    "tests/data/micro_pool/alpha",
    undefined,
    async (pool, folder) => {
      const logits = async (model: tf.LayersModel) =>
        await tf.tidy(() => model.apply(tf.ones([1, 32, 32, 3])) as tf.Tensor)
          .data();
      const first = await loadConvNext(`${folder}/first`);
      const shuffled = await loadConvNext(`${folder}/shuffled`);
      const expected = await logits(first);
      assert(relativeDifference(await logits(shuffled), expected) < 1e-5);
      const merged = await mergeModels(
        pool,
        await loadMethod("simple_average"),
      );
      assert(relativeDifference(await logits(merged.model), expected) > 1e-2);
      first.dispose();
      shuffled.dispose();
      await merged.dispose();
    },
  );
});

Deno.test("alignment: stands in merge.json; models of other sizes and pools without images are refused", async () => {
  await withShuffled(
    "tests/data/micro_pool/alpha",
    { method: "weight_matching" },
    async (pool, folder) => {
      const average = await loadMethod("simple_average");
      await mergeToFolder(pool, average, `${folder}/merged`);
      const { alignment } = JSON.parse(
        await Deno.readTextFile(`${folder}/merged/merge.json`),
      );
      assertEquals(alignment, {
        method: "weight_matching",
        use: "channels in the order of first, by weight_matching",
      });
      await assertRejects(
        () =>
          mergeModels(
            new ConvNextForImageClassificationPool({
              models: {
                first: `${folder}/first`,
                other: dataPath("tests/data/demo_pool/mnist"),
              },
              alignment: "weight_matching",
            }),
            average,
          ),
        ModelPoolError,
        "model other",
      );
      await assertRejects(
        () =>
          mergeModels(
            new ConvNextForImageClassificationPool({
              models: {
                first: `${folder}/first`,
                shuffled: `${folder}/shuffled`,
              },
              alignment: "activation_matching",
            }),
            average,
          ),
        ModelPoolError,
        "expected modelpool.train_datasets.TASK=FOLDER",
      );
    },
  );
});

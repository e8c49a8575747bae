import { assert, assertEquals } from "@std/assert";
import { stateDictOf } from "../../../src/convnext/mod.ts";
import { loadMethod } from "../../../src/method/mod.ts";
import {
  ConvNextForImageClassificationPool,
  type DataRecord,
  mergeModels,
} from "../../../src/modelpool/mod.ts";
import { hashedImages, withMicroPool } from "../../merge_data_case.ts";

Deno.test("adamerging: early stopping gives the merge of the best step, and stops", async () => {
  await withMicroPool(async (unlabelled) => {
    const tasks = ["alpha", "beta", "gamma"];
    const labelled = tasks.map((_, i) => ({
      name: `labelled ${i}`,
      length: 8,
      read: async (index: number) => ({
        image: (await hashedImages(i).read(index)).image,
        label: index % 3,
      }),
    }));
    const pool = new ConvNextForImageClassificationPool({
      models: Object.fromEntries(
        await Promise.all(
          unlabelled.allModelNames.map(async (name) =>
            [name, (await unlabelled.modelPath(name))!] as const
          ),
        ),
      ),
      test_datasets: Object.fromEntries(
        tasks.map((task, i) => [task, hashedImages(i)]),
      ),
      val_datasets: Object.fromEntries(
        tasks.map((task, i) => [task, labelled[i]!]),
      ),
    });
    const parameters = { lr: 2, batch_size: 2, shuffle: false };
    let record: DataRecord | undefined;
    const stopped = await mergeModels(
      pool,
      await loadMethod("adamerging/task_wise", {
        ...parameters,
        max_steps: 6,
        early_stopping: { interval: 1, patience: 2 },
      }),
      { onData: (data) => record = data },
    );
    const { best_step, best_accuracy, accuracies } = record!
      .early_stopping as {
        best_step: number;
        best_accuracy: number;
        accuracies: { step: number; accuracy: number }[];
      };
    assertEquals(
      best_accuracy,
      Math.max(...accuracies.map(({ accuracy }) => accuracy)),
    );
    assertEquals(accuracies[best_step]!.accuracy, best_accuracy);
    assert(accuracies.length <= Math.min(7, best_step + 3));
    assertEquals(record!.validation, {
      split: "val",
      images: { alpha: 8, beta: 8, gamma: 8 },
    });
    const plain = await mergeModels(
      pool,
      await loadMethod("adamerging/task_wise", {
        ...parameters,
        max_steps: best_step,
      }),
    );
    const name = "convnext.encoder.stages.2.layers.1.pwconv1.weight";
    assertEquals(
      await stateDictOf(stopped.model).read(name),
      await stateDictOf(plain.model).read(name),
    );
    await stopped.dispose();
    await plain.dispose();
  });
});

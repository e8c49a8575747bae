import { assertEquals, assertRejects } from "@std/assert";
import type { StateDict } from "../../src/checkpoint/mod.ts";
import { MethodError, ModelPoolError } from "../../src/fusion_error.ts";
import { loadMethod } from "../../src/method/mod.ts";
import {
  ConvNextForImageClassificationPool,
  mergeModels,
} from "../../src/modelpool/mod.ts";
import { SearchSession } from "../../src/search/mod.ts";
import { ImageClassificationTaskPool } from "../../src/taskpool/mod.ts";
import { dataPath } from "../reference.ts";
import { DEMO_MODELS } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

const TASKS = ["emoji", "mnist"];

/** Counts how often a model of it is opened. */
class CountingPool extends ConvNextForImageClassificationPool {
  opened = 0;

  override openStateDict(name: string): Promise<StateDict> {
    this.opened++;
    return super.openStateDict(name);
  }
}

function pool(datasets: Record<string, string>): CountingPool {
  return new CountingPool({
    models: Object.fromEntries(
      ["_pretrained_", ...TASKS].map((name) => [name, DEMO_MODELS[name]!]),
    ),
    train_datasets: datasets,
  });
}

const DATA = Object.fromEntries(
  TASKS.map((task) => [task, dataPath(`tests/data/demo_data/${task}/test`)]),
);

Deno.test("SearchSession: trials equal merges evaluated alone, and open no model again", async () => {
  await testBackend();
  const models = pool(DATA);
  const options = { validation_fraction: 0.1, images: 10, seed: 3 };
  const session = await SearchSession.open(models, options);
  assertEquals(session.images, { emoji: 10, mnist: 10 });
  const opened = models.opened;
  const reports = [];
  for (const scaling_factor of [0.2, 0.9, 0.2]) {
    reports.push(
      await session.evaluate(
        await loadMethod("task_arithmetic", { scaling_factor }),
      ),
    );
  }
  assertEquals(models.opened, opened, "the pool stays open");
  assertEquals(reports[2], reports[0]);
  const alone = await mergeModels(
    models,
    await loadMethod("task_arithmetic", { scaling_factor: 0.9 }),
  );
  const { trainValidationSplit, subset } = await import(
    "../../src/dataset/mod.ts"
  );
  const test_datasets = Object.fromEntries(
    await Promise.all(TASKS.map(async (task) =>
      [
        task,
        subset(
          trainValidationSplit(await models.loadTrainDataset(task), {
            validation_fraction: 0.1,
            random_seed: 3,
            return_split: "val",
          }),
          { limit: 10 },
        ),
      ] as const
    )),
  );
  const taskPool = new ImageClassificationTaskPool({
    test_datasets,
    processor: await models.loadProcessor(),
  });
  assertEquals(await taskPool.evaluate(alone), reports[1]);
  await alone.dispose();
  for (
    const method of ["emr_merging/emr_merging", "ensemble/simple_ensemble"]
  ) {
    await assertRejects(
      async () => await session.evaluate(await loadMethod(method)),
      MethodError,
      "its models are more than merged weights",
    );
  }
  await session.close();
});

Deno.test("SearchSession: a task without training images is named", async () => {
  await assertRejects(
    () =>
      SearchSession.open(pool({ emoji: DATA["emoji"]! }), {
        validation_fraction: 0.1,
        seed: 0,
      }),
    ModelPoolError,
    "expected modelpool.train_datasets.mnist=FOLDER",
  );
});

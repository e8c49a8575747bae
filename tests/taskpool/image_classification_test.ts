import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import sharp from "sharp";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import {
  AutoImageProcessor,
  convNextFromStateDict,
  countParameters,
  type Head,
  labelMaps,
  loadConvNext,
  MultiTaskModel,
  readConvNextConfig,
} from "../../src/convnext/mod.ts";
import {
  type ImageClassificationDataset,
  openDataset,
} from "../../src/dataset/mod.ts";
import { DatasetError, ModelPoolError } from "../../src/fusion_error.ts";
import { taskResults } from "../../src/report/mod.ts";
import { ImageClassificationTaskPool } from "../../src/taskpool/mod.ts";
import { dataPath } from "../reference.ts";
import { DEMO_MODELS, inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const TASKS = ["emoji", "fashion_mnist", "mnist", "optdigits"];
const PRETRAINED = DEMO_MODELS["_pretrained_"]!;
const processor = await AutoImageProcessor.fromPretrained(PRETRAINED);
const evaluated = JSON.parse(
  await Deno.readTextFile(dataPath("tests/data/golden/evaluate.json")),
) as Record<string, Record<string, { accuracy: number; loss: number }>>;

function demoTasks(
  tasks: readonly string[] = TASKS,
  batchSize?: number,
): ImageClassificationTaskPool {
  return new ImageClassificationTaskPool({
    test_datasets: Object.fromEntries(
      tasks.map((
        task,
      ) => [task, dataPath(`tests/data/demo_data/${task}/test`)]),
    ),
    processor,
    ...(batchSize && { dataloader_kwargs: { batch_size: batchSize } }),
  });
}

async function demoHeads(): Promise<Map<string, Head>> {
  const heads = new Map<string, Head>();
  for (const task of TASKS) {
    heads.set(task, {
      config: await readConvNextConfig(DEMO_MODELS[task]!),
      stateDict: await openCheckpoint(DEMO_MODELS[task]!),
    });
  }
  return heads;
}

/** The first images of a data set, with labels of one's own. */
async function someImages(
  count: number,
  changes: Partial<ImageClassificationDataset> & { labels?: number[] } = {},
): Promise<ImageClassificationDataset> {
  const all = await openDataset(dataPath("tests/data/demo_data/emoji/test"));
  const { labels, ...rest } = changes;
  return {
    name: "some images",
    length: count,
    read: async (index) => {
      const { image, label } = await all.read(index);
      return { image, label: labels?.[index] ?? label };
    },
    ...rest,
  };
}

for (
  const [row, path] of [
    ["pretrained", PRETRAINED],
    ["expert mnist", DEMO_MODELS["mnist"]!],
    ["task_arithmetic", undefined],
  ] as const
) {
  Deno.test(`${row}: accuracy and loss of every task equal the reference`, async () => {
    let model;
    if (path) model = await loadConvNext(path);
    else {
      // FusionBench's own merge: what is tested here is the evaluation.
      const golden = await openCheckpoint(
        dataPath("tests/data/golden/merge_demo/task_arithmetic.safetensors"),
      );
      const base = await openCheckpoint(PRETRAINED);
      const of = (name: string) => golden.names.includes(name) ? golden : base;
      model = await convNextFromStateDict(
        await readConvNextConfig(PRETRAINED),
        {
          names: base.names,
          source: row,
          info: (name) => of(name).info(name),
          read: (name, begin, end) => of(name).read(name, begin, end),
          close: () => {},
        },
      );
      golden.close();
      base.close();
    }
    const multiTask = new MultiTaskModel(model, await demoHeads());
    const report = await demoTasks().evaluate(multiTask);
    const expected = evaluated[row]!;
    assertEquals(
      [...taskResults(report).keys(), "average"].toSorted(),
      Object.keys(expected).toSorted(),
    );
    for (const [task, { accuracy, loss }] of Object.entries(expected)) {
      const ours = report[task] as { accuracy: number; loss: number };
      // The reference's accuracies are float32; an image more is 0.002.
      assertAlmostEquals(ours.accuracy, accuracy, 1e-6, `${task}: accuracy`);
      assertAlmostEquals(ours.loss, loss, 1e-4, `${task}: loss`);
    }
    await multiTask.dispose();
  });
}

Deno.test("model_info counts the backbone once and every head", async () => {
  const model = await loadConvNext(PRETRAINED);
  const total = countParameters(model);
  const multiTask = new MultiTaskModel(model, await demoHeads());
  const pool = demoTasks(["mnist"], 16);
  const { model_info } = await pool.evaluate(multiTask, {
    name: "all",
    fastDevRun: true,
  });
  const backbone = total - 39 * 129;
  const parameters = backbone + (9 + 10 + 10 + 10) * 129;
  assertEquals(model_info, {
    trainable_params: parameters,
    all_params: parameters,
    trainable_percentage: 1,
    name: "all",
  });
  await multiTask.dispose();
});

Deno.test("batch size does not change results; progress counts images", async () => {
  const model = await loadConvNext(DEMO_MODELS["emoji"]!);
  const dataset = await someImages(40);
  const results = [];
  for (const batch_size of [7, 40, 64]) {
    const steps: number[] = [];
    const pool = new ImageClassificationTaskPool({
      test_datasets: { emoji: dataset },
      processor,
      dataloader_kwargs: { batch_size },
    });
    const { emoji } = await pool.evaluate(model, {
      onProgress: (task, done, total) => {
        assertEquals([task, total], ["emoji", 40]);
        steps.push(done);
      },
    });
    results.push(emoji as { accuracy: number; loss: number });
    assertEquals(steps.length, Math.ceil(40 / batch_size));
    assertEquals(steps.at(-1), 40);
  }
  for (const { accuracy, loss } of results) {
    assertEquals(accuracy, results[0]!.accuracy);
    assertAlmostEquals(loss, results[0]!.loss, 1e-5);
  }
  model.dispose();
});

Deno.test("fastDevRun evaluates one batch", async () => {
  const model = await loadConvNext(DEMO_MODELS["emoji"]!);
  let images = 0;
  await demoTasks(["emoji"], 8).evaluate(model, {
    fastDevRun: true,
    onProgress: (_, done) => images = done,
  });
  assertEquals(images, 8);
  model.dispose();
});

Deno.test("a label outside the head: image, label and range are named", async () => {
  const model = await loadConvNext(DEMO_MODELS["emoji"]!);
  for (const [label, at] of [[9, 5], [-1, 2]] as const) {
    const labels = Array.from({ length: 6 }, () => 0);
    labels[at] = label;
    const pool = new ImageClassificationTaskPool({
      test_datasets: { emoji: await someImages(6, { labels }) },
      processor,
      dataloader_kwargs: { batch_size: 4 },
    });
    await assertRejects(
      () => pool.evaluate(model),
      DatasetError,
      `some images: label ${label} of image ${at} is outside the head of task emoji, which has 9 classes (0 to 8)`,
    );
  }
  model.dispose();
});

Deno.test("a task without a head: task and model are named, before any work", async () => {
  const model = await loadConvNext(PRETRAINED);
  const heads = await demoHeads();
  heads.get("optdigits")!.stateDict.close();
  heads.delete("optdigits");
  const multiTask = new MultiTaskModel(model, heads);
  let batches = 0;
  await assertRejects(
    () =>
      demoTasks().evaluate(multiTask, {
        name: "merged",
        onProgress: () => batches++,
      }),
    ModelPoolError,
    "model merged: no head for task optdigits of the task pool, it has heads for emoji, fashion_mnist, mnist",
  );
  assertEquals(batches, 0);
  await multiTask.dispose();
});

Deno.test("a task that the pool lacks, a folder that is not there", async () => {
  await assertRejects(
    () => demoTasks(["emoji"]).loadTestDataset("mnist"),
    DatasetError,
    "task mnist: no test set, the task pool has emoji",
  );
  const model = await loadConvNext(DEMO_MODELS["emoji"]!);
  await assertRejects(
    () => demoTasks(["cifar"]).evaluate(model),
    DatasetError,
    "tests/data/demo_data/cifar/test",
  );
  model.dispose();
});

for (const task of ["average", "model_info"]) {
  Deno.test(`a task called ${task} would hide a part of the report`, () => {
    const error = assertThrows(() => demoTasks([task]), DatasetError);
    assert(error.message.includes(`task ${task}`), error.message);
  });
}

Deno.test("an image folder's classes are found in the head by name", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = await openDataset(
      dataPath("tests/data/demo_data/emoji/test"),
    );
    const model = await loadConvNext(DEMO_MODELS["emoji"]!);
    const labels = [
      "smileys", // sorted by name, folders are in quite another order
      "people",
      "animals and nature",
      "food and drink",
      "travel and places",
      "activities",
      "objects",
      "symbols",
      "flags",
    ];
    const count = 30;
    for (let i = 0; i < count; i++) {
      const { image: { width, height, data }, label } = await source.read(i);
      const path = `${folder}/${labels[label]}`;
      await Deno.mkdir(path, { recursive: true });
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png().toFile(`${path}/${i}.png`);
    }
    const evaluate = async (
      dataset: string | ImageClassificationDataset,
    ): Promise<{ accuracy: number; loss: number }> =>
      (await new ImageClassificationTaskPool({
        test_datasets: { emoji: dataset },
        processor,
      }).evaluate(model)).average;
    const fromFolder = await evaluate(folder);
    const fromIdx = await evaluate(await someImages(count));
    assertEquals(fromFolder.accuracy, fromIdx.accuracy);
    assertAlmostEquals(fromFolder.loss, fromIdx.loss, 1e-5);
    assert(fromFolder.accuracy > 0.4, `accuracy ${fromFolder.accuracy}`);

    // Some names fit, one does not: that class has no place in the head.
    await Deno.mkdir(`${folder}/weather`);
    await Deno.copyFile(
      dataPath("tests/data/images/photo.jpg"),
      `${folder}/weather/a.jpg`,
    );
    await assertRejects(
      () => evaluate(folder),
      DatasetError,
      "class weather is not one of the head of task emoji",
    );
    model.dispose();
  });
});

Deno.test("a data set whose class names are quite others is in the head's order", async () => {
  const model = await loadConvNext(DEMO_MODELS["emoji"]!);
  const withHeads = new MultiTaskModel(model, await demoHeads());
  const evaluate = async (
    dataset: ImageClassificationDataset,
  ): Promise<unknown> =>
    (await new ImageClassificationTaskPool({
      test_datasets: { emoji: dataset },
      processor,
    }).evaluate(withHeads)).average;
  const classNames = Object.keys(labelMaps("abcdefghi".split("")).label2id);
  assertEquals(
    await evaluate(await someImages(8, { classNames })),
    await evaluate(await someImages(8)),
  );
  // But folders are in no order that a head could have, unless their names are
  // its labels.
  const error = await assertRejects(
    async () =>
      await evaluate(
        await someImages(8, { classNames, classesAreSorted: true }),
      ),
    DatasetError,
  );
  assert(
    error.message.startsWith(
      "some images: none of its classes (a, b, c, d, …) is one of the head of task emoji, which has smileys,",
    ),
    error.message,
  );
  const labels = Array.from({ length: 9 }, (_, label) => `${label}`);
  assertEquals(
    await evaluate(
      await someImages(8, { classNames: labels, classesAreSorted: true }),
    ),
    await evaluate(await someImages(8)),
  );
  await withHeads.dispose();
});

Deno.test("a model's only head serves no task of other classes", async () => {
  const model = await loadConvNext(DEMO_MODELS["mnist"]!);
  const refuse = async (
    test_datasets: Record<string, ImageClassificationDataset>,
    words: string,
  ) => {
    const pool = new ImageClassificationTaskPool({ test_datasets, processor });
    const { message } = await assertRejects(
      () => pool.evaluate(model, { name: "digits", fastDevRun: true }),
      ModelPoolError,
    );
    assert(
      message.startsWith("model digits: its only head, of 10 classes (0,"),
    );
    assert(message.includes(words), message);
  };
  const open = (task: string) =>
    openDataset(dataPath(`tests/data/demo_data/${task}/test`));
  // By the task's name, as its files name no classes.
  await refuse(
    { fashion_mnist: await open("fashion_mnist") },
    "task fashion_mnist, whose classes are others (T - shirt / top,",
  );
  await refuse(
    { clothes: await someImages(2, { classNames: ["shirt", "shoe"] }) },
    "task clothes, which has 2 classes (shirt, shoe)",
  );
  await refuse(
    { mnist: await open("mnist"), optdigits: await open("optdigits") },
    "task optdigits, whose classes are not known",
  );
  for (const task of ["mnist", "mine"]) {
    const pool = new ImageClassificationTaskPool({
      test_datasets: { [task]: await open("mnist") },
      processor,
    });
    await pool.evaluate(model, { fastDevRun: true });
  }
  model.dispose();
});

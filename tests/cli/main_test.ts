import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import { dataPath, mergeDifference } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const POOL = dataPath("tests/data/demo_pool");
const TASKS = dataPath("tests/data/demo_data");
const PHOTO = dataPath("tests/data/images/photo.jpg");
const ROTATED = dataPath("tests/data/images/rotated.jpg");
const BACKEND = `backend=${testBackendName}`;

/** transformers' softmax of logits for tests/data/demo_pool/emoji, in float32. */
const LABELS = [
  "smileys",
  "people",
  "animals and nature",
  "food and drink",
  "travel and places",
  "activities",
  "objects",
  "symbols",
  "flags",
];
const SCORES: Record<string, number[]> = {
  [PHOTO]: [
    0.0066758,
    0.293994,
    0.0091601,
    0.0043671,
    0.19955,
    0.1199405,
    0.3239843,
    0.0383516,
    0.0039766,
  ],
  [ROTATED]: [
    0.0002179,
    0.0004703,
    0.0001459,
    0.0002719,
    0.0003259,
    0.003614,
    0.0059355,
    0.0007716,
    0.988247,
  ],
};

/** Runs a command that must succeed. */
async function succeed(...args: string[]): Promise<string> {
  const { status, output, errors } = await runMain(...args);
  assertEquals(status, 0, errors.join("\n"));
  return output;
}

Deno.test("predict --json: every class, transformers' scores", async () => {
  const predictions = JSON.parse(
    await succeed(
      "predict",
      `model=${POOL}/emoji`,
      PHOTO,
      ROTATED,
      "top_k=9",
      "--json",
      BACKEND,
    ),
  ) as {
    image: string;
    task: string | null;
    predictions: { label: string; score: number }[];
  }[];
  assertEquals(predictions.map(({ image }) => image), [PHOTO, ROTATED]);
  for (const { image, task, predictions: classes, ...rest } of predictions) {
    assertEquals([task, rest], [null, {}]);
    assertEquals(classes.length, 9);
    const scores = classes.map(({ score }) => score);
    assertEquals(scores, scores.toSorted((a, b) => b - a));
    assertAlmostEquals(scores.reduce((a, b) => a + b), 1, 1e-6);
    for (const { label, score } of classes) {
      const expected = SCORES[image]![LABELS.indexOf(label)]!;
      assertAlmostEquals(score, expected, 1e-4, `${image}: ${label}`);
    }
  }
});

Deno.test("predict: top_k classes as a table, best first", async () => {
  const output = await succeed(
    "predict",
    `model=${POOL}/emoji`,
    PHOTO,
    "top_k=2",
    BACKEND,
  );
  const rows = output.split("\n").slice(2);
  assertEquals(rows.length, 2);
  assert(/^\| objects +\| +0\.3240 \|$/.test(rows[0]!), rows[0]);
  assert(/^\| people +\| +0\.2940 \|$/.test(rows[1]!), rows[1]);
});

Deno.test("run: golden merge, golden report, folder, card; evaluate and predict it", async () => {
  await inTemporaryFolder(async (folder) => {
    await succeed(
      "method=task_arithmetic",
      "method.scaling_factor=0.3",
      `modelpool=${POOL}`,
      `taskpool=${TASKS}`,
      "dtype=float32",
      `merged_model_save_path=${folder}/out`,
      `report_save_path=${folder}/reports/out.json`,
      BACKEND,
    );
    assertEquals(listNames(folder), ["out", "reports"]);
    assertEquals(listNames(`${folder}/reports`), ["out.json"]);

    const [merged, golden, pretrained] = await Promise.all(
      [
        `${folder}/out`,
        dataPath("tests/data/golden/merge_demo/task_arithmetic.safetensors"),
        `${POOL}/pretrained`,
      ].map((path) => openCheckpoint(path)),
    );
    const { difference, tensor } = await mergeDifference(
      merged!,
      golden!,
      pretrained!,
    );
    assert(difference <= 5e-5, `${tensor} differs by ${difference}`);
    for (const file of [merged, golden, pretrained]) file!.close();

    const report = JSON.parse(
      await Deno.readTextFile(`${folder}/reports/out.json`),
    );
    const { task_arithmetic: expected } = JSON.parse(
      await Deno.readTextFile(dataPath("tests/data/golden/evaluate.json")),
    );
    assertEquals(Object.keys(report), [
      "model_info",
      "emoji",
      "fashion_mnist",
      "mnist",
      "optdigits",
      "average",
    ]);
    for (const task of Object.keys(expected)) {
      assertAlmostEquals(report[task].accuracy, expected[task].accuracy, 1e-6);
      assertAlmostEquals(report[task].loss, expected[task].loss, 1e-4);
    }
    const card = await Deno.readTextFile(`${folder}/out/README.md`);
    assert(card.includes("| `mnist`"), card);
    assert(
      card.includes((100 * expected.mnist.accuracy).toFixed(2)),
      card,
    );
    assertEquals(
      listNames(`${folder}/out`).filter((name) => name.includes("partial")),
      [],
    );

    // The folder's heads serve evaluate and predict.
    const again = JSON.parse(
      await succeed(
        "evaluate",
        `model=${folder}/out`,
        `taskpool=${TASKS}`,
        "~taskpool.test_datasets.emoji",
        "~taskpool.test_datasets.fashion_mnist",
        "~taskpool.test_datasets.mnist",
        "--json",
        BACKEND,
      ),
    );
    assertEquals(again.optdigits, report.optdigits);
    assertEquals(Object.keys(again), ["model_info", "optdigits", "average"]);
    const [prediction] = JSON.parse(
      await succeed(
        "predict",
        `model=${folder}/out`,
        "task=emoji",
        PHOTO,
        "top_k=9",
        "--json",
        BACKEND,
      ),
    );
    assertEquals(prediction.task, "emoji");
    assertEquals(
      prediction.predictions.map(({ label }: { label: string }) => label)
        .toSorted(),
      LABELS.toSorted(),
    );
    const inspected = JSON.parse(
      await succeed("inspect", `${folder}/out`, "--json"),
    );
    assertEquals(inspected.heads, [
      "emoji",
      "fashion_mnist",
      "mnist",
      "optdigits",
    ]);
    assertEquals(inspected.tensors.length, 110);
  });
});

Deno.test("run: a merge that is neither saved nor evaluated goes through, with a warning", async () => {
  const { status, errors } = await runMain(
    "method=simple_average",
    `modelpool=${POOL}`,
    BACKEND,
  );
  assertEquals(status, 0, errors.join("\n"));
  assert(
    errors.at(-1)!.startsWith("warning: the merged model is neither saved"),
  );
});

Deno.test("YAML files as FusionBench has them, + and ~ on the command line", async () => {
  await inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/pool.yaml`,
      `_target_: fusion_bench.modelpool.ConvNextForImageClassificationPool
_recursive_: False
models:
  _pretrained_:
    config_path: ${POOL}/pretrained
    pretrained: true
    dataset_name: null
  mnist: ${POOL}/mnist
  emoji: ${POOL}/emoji
train_datasets: null
val_datasets: null
test_datasets: null
`,
    );
    await Deno.writeTextFile(
      `${folder}/method.yaml`,
      "_target_: fusion_bench.method.TaskArithmeticAlgorithm\nscaling_factor: 0.3\n",
    );
    await succeed(
      `method=${folder}/method.yaml`,
      `modelpool=${folder}/pool.yaml`,
      "~modelpool.models.emoji",
      `+modelpool.models.optdigits=${POOL}/optdigits`,
      "method.scaling_factor=0.5",
      `merged_model_save_path=${folder}/out`,
      BACKEND,
    );
    assertEquals(listNames(`${folder}/out/heads`), ["mnist", "optdigits"]);
    const info = JSON.parse(
      await Deno.readTextFile(`${folder}/out/merge.json`),
    );
    assertEquals(info.method, "task_arithmetic");
    assertEquals(info.parameters, { scaling_factor: 0.5 });
    assertEquals(Object.keys(info.models), [
      "_pretrained_",
      "mnist",
      "optdigits",
    ]);
  });
});

Deno.test("convert there and back keeps every tensor and the type", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = `${POOL}/emoji`;
    const tfjs = `${folder}/tfjs`;
    const back = `${folder}/back`;
    assertEquals(
      await succeed("convert", `input=${source}`, `output=${tfjs}`, BACKEND),
      tfjs,
    );
    assertEquals(listNames(tfjs), [
      "huggingface_config.json",
      "model.json",
      "preprocessor_config.json",
      "weights.bin",
    ]);
    await succeed("convert", `input=${tfjs}`, `output=${back}`, BACKEND);
    const [ours, theirs] = await Promise.all(
      [back, source].map((path) => openCheckpoint(path)),
    );
    assertEquals(ours!.names.toSorted(), theirs!.names.toSorted());
    for (const name of theirs!.names) {
      assertEquals(ours!.info(name), theirs!.info(name));
      assertEquals(await ours!.read(name), await theirs!.read(name));
    }
    ours!.close();
    theirs!.close();
    assertEquals(listNames(folder), ["back", "tfjs"]);
  });
});

Deno.test("predict: a table for each image, apart from each other", async () => {
  const model = `model=${POOL}/emoji`;
  const text = await succeed(
    "predict",
    model,
    PHOTO,
    PHOTO,
    "top_k=1",
    BACKEND,
  );
  const tables = text.split("\n\n");
  assertEquals(tables.length, 2);
  assertEquals(tables[0], tables[1]);
  assertEquals(tables[0]!.split("\n").length, 3);
});

Deno.test("inspect: tensors of a file, images of a data set", async () => {
  const file = JSON.parse(
    await succeed("inspect", `${POOL}/emoji/model.safetensors`, "--json"),
  );
  assertEquals(file.tensors.length, 110);
  assertEquals(
    file.tensors.find(({ name }: { name: string }) =>
      name === "classifier.weight"
    ),
    { name: "classifier.weight", dtype: "F16", shape: [9, 128] },
  );
  const images = JSON.parse(
    await succeed("inspect", `${TASKS}/emoji/test`, "--json"),
  );
  assertEquals(images.images, 400);
});

Deno.test("inspect: a LayersModel's folder tells what the model's own does", async () => {
  await inTemporaryFolder(async (folder) => {
    const output = `${folder}/tfjs`;
    await succeed("convert", `input=${POOL}/emoji`, `output=${output}`);
    const tell = async (path: string): Promise<Record<string, unknown>> => {
      const { path: _, ...found } = JSON.parse(
        await succeed("inspect", path, "--json"),
      );
      return found;
    };
    const byName = ({ tensors }: Record<string, unknown>) =>
      (tensors as { name: string }[]).toSorted((a, b) =>
        a.name < b.name ? -1 : 1
      );
    const [found, expected] = [await tell(output), await tell(`${POOL}/emoji`)];
    assertEquals(byName(found), byName(expected));
    assertEquals({ ...found, tensors: 0 }, { ...expected, tensors: 0 });
  });
});

Deno.test("inspect: of a thousand classes some are printed", async () => {
  const text = await succeed("inspect", dataPath("demo/pool/pretrained"));
  const labels = text.split("\n").find((line) => line.startsWith("labels: "));
  assert(labels!.startsWith("labels: emoji: 1st-place-medal, emoji: 2nd"));
  assert(labels!.endsWith(", … (1725 more)"), labels);
});

Deno.test("list: methods, pools, tasks and data sets that have a preset", async () => {
  const lists = JSON.parse(await succeed("list", "--json"));
  for (
    const [group, name] of [
      ["method", "linear/weighted_average"],
      ["method", "task_arithmetic"],
      ["modelpool", "demo"],
      [
        "modelpool",
        "ConvNextForImageClassification/convnext-base-224_8-tasks",
      ],
      ["taskpool", "ImageClassificationTaskPool/convnext-base-224_8-tasks"],
      ["dataset_name", "cifar10"],
    ] as const
  ) {
    assert(lists[group].includes(name), `${group}: ${name}`);
  }
  const methods = await succeed("list", "method");
  assert(methods.startsWith("method:\n"), methods);
  assert(!methods.includes("modelpool:"), methods);
});

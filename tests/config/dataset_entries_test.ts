import { assertEquals, assertThrows } from "@std/assert";
import { composeRunConfig } from "../../src/config/mod.ts";
import { datasetEntries } from "../../src/config/dataset_entries.ts";
import type { DatasetsConfig } from "../../src/config/pool_schemas.ts";
import { ConfigError } from "../../src/fusion_error.ts";
import { assertRows, DATASETS, range } from "../dataset/expected_datasets.ts";

const repository = `${DATASETS}/repository`;

async function open(entry: DatasetsConfig[string]) {
  const { task } = datasetEntries("test", { task: entry });
  if (typeof task !== "function") throw new Error("expected a function");
  return await task();
}

Deno.test("load_dataset's arguments are understood", async () => {
  const _target_ = "datasets.load_dataset";
  await assertRows(
    await open({ _target_, path: repository, name: "cropped", split: "test" }),
    range(0, 16),
  );
  await assertRows(
    await open({ _target_, _args_: [repository, "cropped"], split: "train" }),
    range(16, 24),
  );
  await assertRows(
    await open({ path: repository, name: "full", limit: 2 }),
    range(0, 2),
  );
  assertEquals(datasetEntries("test", { a: "folder" }), { a: "folder" });
  assertEquals(datasetEntries("test", null), {});
});

Deno.test("train_validation_split wraps a data set", async () => {
  const wrap = (return_split: string) => ({
    _target_: "fusion_bench.utils.data.train_validation_split",
    dataset: { path: repository, name: "cropped", split: "test" },
    validation_fraction: 0.25,
    validation_size: null,
    random_seed: 0,
    return_split,
  });
  const [train, val] = [await open(wrap("train")), await open(wrap("val"))];
  assertEquals([train.length, val.length], [12, 4]);
});

Deno.test("what is not understood is named before anything is read", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ _target_: "datasets.load_datset" }, "did you mean datasets.load_datas"],
    [{ _target_: "os.system", path: "x" }, "_target_ is os.system, which"],
    [{ split: "test" }, "test set of task t: path is missing"],
    [{ path: "x", data_files: "y" }, "data_files and data_dir are not"],
    [{ path: "x", limit: "3" }, 'limit is "3", expected a number'],
    [{ _target_: "train_validation_split" }, "dataset is missing"],
    [
      { _target_: "train_validation_split", dataset: { path: "x" } },
      "return_split is missing, expected train or val",
    ],
  ];
  for (const [entry, message] of cases) {
    assertThrows(
      () => datasetEntries("test", { t: entry }),
      ConfigError,
      message,
    );
  }
});

Deno.test("FusionBench's groups of tasks compose, in their order", async () => {
  const eight = "sun397 stanford-cars resisc45 eurosat svhn gtsrb mnist dtd"
    .split(" ");
  const tall = [
    ...eight,
    ..."oxford_flowers102 pcam fer2013 oxford-iiit-pet stl10 cifar100 cifar10 food101 fashion_mnist emnist_letters kmnist rendered-sst2"
      .split(" "),
  ];
  for (
    const [split, group, tasks] of [
      ["test", "the_eight_tasks", eight],
      ["train", "the_eight_tasks", eight],
      ["val", "the_eight_tasks", eight],
      ["test", "TALL14", tall.slice(0, 14)],
      ["train", "TALL14", tall.slice(0, 14)],
      ["test", "TALL20", tall],
      ["train", "TALL20", tall],
    ] as const
  ) {
    const { config } = await composeRunConfig([
      "method=simple_average",
      "modelpool=demo",
      `dataset/image_classification/${split}@modelpool.${split}_datasets=${group}`,
    ]);
    const datasets = config.modelpool[`${split}_datasets`]!;
    assertEquals(Object.keys(datasets), tasks);
    for (const entry of Object.values(datasetEntries(split, datasets))) {
      assertEquals(typeof entry, "function");
    }
  }
});

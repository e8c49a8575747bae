import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDataset } from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { assertRows, DATASETS, EXPECTED, range } from "./expected_datasets.ts";

for (const { name } of Deno.readDirSync(`${DATASETS}/encodings`)) {
  Deno.test(`pyarrow's ${name} has Python's pixels and labels`, async () => {
    const dataset = await openDataset(`${DATASETS}/encodings/${name}`);
    await assertRows(dataset, range(0, 24));
    const backwards = range(0, 24).reverse();
    for (const row of backwards) {
      const { label } = await dataset.read(row);
      const names = dataset.classNames ?? EXPECTED.names;
      assertEquals(names[label], EXPECTED.names[EXPECTED.labels[row]!]);
    }
    assertEquals(
      dataset.classNames,
      name.startsWith("names") ? ["ant", "ox", "zebra"] : undefined,
    );
  });
}

Deno.test("a repository's split is read over its shards", async () => {
  const repository = `${DATASETS}/repository`;
  const config = "cropped";
  const test = await openDataset(repository, { config, split: "test" });
  assertEquals(test.classNames, EXPECTED.names);
  await assertRows(test, range(0, 16));
  const rows = [15, 0, 9, 10, 3];
  const all = await Promise.all(rows.map((row) => test.read(row)));
  assertEquals(
    all.map(({ label }) => label),
    rows.map((row) => EXPECTED.labels[row]),
  );
  await assertRows(
    await openDataset(repository, { config, split: "train" }),
    range(16, 24),
  );
  await assertRows(
    await openDataset(repository, { config: "full" }),
    range(0, 4),
  );
  for (
    const [options, message] of [
      [
        {},
        "several configurations, expected name=CONFIGURATION, one of cropped, full",
      ],
      [{ config: "small" }, "no configuration small"],
      [{ config }, "several splits, expected split=SPLIT, one of test, train"],
      [{ config, split: "val" }, "no split val"],
    ] as const
  ) {
    const error = await assertRejects(
      () => openDataset(repository, options),
      DatasetError,
      message,
    );
    assert(error.message.startsWith(repository));
  }
});

Deno.test("labels follow the class names that are asked for", async () => {
  const classNames = ["ox", "yak", "zebra", "ant"];
  for (
    const path of [
      "encodings/names.parquet",
      "repository/full",
    ]
  ) {
    const dataset = await openDataset(`${DATASETS}/${path}`, { classNames });
    assertEquals(dataset.classNames, classNames);
    const { label } = await dataset.read(1);
    assertEquals(classNames[label], EXPECTED.names[EXPECTED.labels[1]!]);
    await assertRejects(
      async () => {
        const other = await openDataset(`${DATASETS}/${path}`, {
          classNames: ["ox", "zebra", "aunt"],
        });
        for (const row of range(0, 4)) await other.read(row);
      },
      DatasetError,
      'class "ant" is none of the 3 classes, did you mean aunt?',
    );
  }
});

Deno.test("a limit takes the first, a seed torch's order", async () => {
  const path = `${DATASETS}/encodings/groups.parquet`;
  await assertRows(await openDataset(path, { limit: 7 }), range(0, 7));
  const order = EXPECTED.permutations.find(({ length }) => length === 24)!;
  await assertRows(
    await openDataset(path, { shuffle: true, seed: order.seed, limit: 9 }),
    order.numbers.slice(0, 9),
  );
  for (const limit of [0, 1.5, -1]) {
    await assertRejects(
      () => openDataset(path, { limit }),
      DatasetError,
      `limit is ${limit}, expected a whole number from 1`,
    );
  }
});

Deno.test("a column that is not there is named with those that are", async () => {
  const path = `${DATASETS}/encodings/none.parquet`;
  for (
    const [options, message] of [
      [{ labelColumn: "fine" }, "no column fine, found id, image, label"],
      [{ imageColumn: "id" }, "column id is INT64, expected images"],
      [{ labelColumn: "image" }, "column image is nested, expected labels"],
    ] as const
  ) {
    await assertRejects(
      () => openDataset(path, options),
      DatasetError,
      message,
    );
  }
});

Deno.test("a label outside the classes is named with its row", async () => {
  const dataset = await openDataset(`${DATASETS}/encodings/snappy.parquet`, {
    classNames: ["zebra", "ant"],
  });
  const row = EXPECTED.labels.indexOf(2);
  await assertRejects(
    () => dataset.read(row),
    DatasetError,
    `snappy.parquet: row ${row}: label is 2, expected 0 to 1`,
  );
});

Deno.test("a cut-off or foreign file is named", async () => {
  await inTemporaryFolder(async (folder) => {
    const whole = await Deno.readFile(`${DATASETS}/encodings/none.parquet`);
    for (
      const [bytes, message] of [
        [whole.subarray(0, 3000), "3000 bytes that do not end in PAR1"],
        [new Uint8Array(0), "0 bytes that do not end in PAR1"],
        [new TextEncoder().encode("<html>not found PAR1"), "footer of "],
      ] as const
    ) {
      const path = `${folder}/x.parquet`;
      await Deno.writeFile(path, bytes);
      const error = await assertRejects(() => openDataset(path), DatasetError);
      assert(error.message.startsWith(`${path}: ${message}`), error.message);
    }
  });
});

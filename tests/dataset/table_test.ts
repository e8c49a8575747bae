import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openDataset } from "../../src/dataset/mod.ts";
import { parseCsv } from "../../src/dataset/table.ts";
import { DatasetError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { assertRows, DATASETS, range } from "./expected_datasets.ts";

Deno.test("metadata.csv and JSON lines read as Python wrote them", async () => {
  const table = `${DATASETS}/table`;
  const train = await openDataset(table, { split: "train" });
  assertEquals(train.classNames, ["ant", "ox", "zebra"]);
  await assertRows(train, range(0, 6));
  await assertRows(await openDataset(table, { split: "test" }), range(0, 4));
  await assertRows(await openDataset(`${table}/test.jsonl`), range(0, 4));
});

Deno.test("CSV is split as RFC 4180 has it", () => {
  const cases: [string, string, string[][]][] = [
    ["a,b\n1,2\n", ",", [["1", "2"]]],
    ["\ufeffa,b\r\n1,\r\n\r\n,2", ",", [["1", ""], ["", "2"]]],
    ['a\n"x ""y"", z\n2"\n', ",", [['x "y", z\n2']]],
    ['a\tb\n"1\t"\t2', "\t", [["1\t", "2"]]],
    ["a,b", ",", []],
    ["", ",", []],
  ];
  for (const [text, separator, expected] of cases) {
    const rows = [...parseCsv(text, "x.csv", separator)];
    assertEquals(rows.map(({ values }) => [...values.values()]), expected);
  }
  const lines = [...parseCsv('a\n"1\n2"\n3\n', "x")].map(({ line }) => line);
  assertEquals(lines, [2, 4]);
  assertThrows(
    () => [...parseCsv('a\n"1\n', "x.csv")],
    DatasetError,
    "x.csv: line 2: a quote is not closed",
  );
});

Deno.test("a wrong row is named", async () => {
  const cases: [string, string, string][] = [
    ["a.csv", "image,label\na.png\n", "line 2 has 1 fields, expected 2"],
    ["a.csv", "picture,label\na.png,1\n", "line 2: no column of images, found"],
    ["a.csv", "image,label\n../a.png,1\n", 'path "../a.png" leads out of'],
    ["a.csv", "image,label\n/etc/passwd,1\n", 'path "/etc/passwd" leads out'],
    ["a.csv", "image,label\nC:\\a.png,1\n", "leads out of the data set"],
    ["a.csv", "image,label\n", "no rows, expected at least one image"],
    ["a.jsonl", '{"image": 1, "label": 1}', "line 1: image is number"],
    ["a.jsonl", '{"image": "a.png", "label": [1]}', "label is object"],
    ["a.jsonl", '\n{"image": ', "line 2 is no JSON"],
    ["a.jsonl", "[1]", "line 1 is a list, expected an object"],
  ];
  await inTemporaryFolder(async (folder) => {
    for (const [name, text, message] of cases) {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(path, text);
      const error = await assertRejects(() => openDataset(path), DatasetError);
      assert(error.message.startsWith(path), error.message);
      assert(error.message.includes(message), error.message);
      assert(!error.message.includes("\n"));
    }
  });
});

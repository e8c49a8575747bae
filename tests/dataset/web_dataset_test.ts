import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDataset } from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { assertRows, DATASETS, EXPECTED, range } from "./expected_datasets.ts";
import { tar } from "./make_tar.ts";

Deno.test("tar archives of every kind of long name read as written", async () => {
  const dataset = await openDataset(`${DATASETS}/webdataset`, {
    split: "test",
  });
  assertEquals(dataset.classNames, EXPECTED.names);
  await assertRows(dataset, range(0, 12));
  await assertRows(
    await openDataset(`${DATASETS}/webdataset/test/1.tar`),
    range(4, 8),
  );
});

Deno.test("names instead of numbers are classes, sorted", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/a.tar`;
    await Deno.writeFile(
      path,
      tar([
        ["README", "no example"],
        ["./x/1.cls", "dog"],
        ["./x/1.jpg", "not read yet"],
        ["x/2.png", "nor this"],
        ["x/2.json", '{"label": "cat"}'],
      ]),
    );
    const dataset = await openDataset(path);
    assertEquals([dataset.length, dataset.classNames], [2, ["cat", "dog"]]);
    await assertRejects(
      () => dataset.read(0),
      DatasetError,
      'a.tar: x/1.jpg: found text ("not read yet")',
    );
  });
});

Deno.test("what must not be in an archive is named", async () => {
  const cases: [Parameters<typeof tar>[0] | Uint8Array, string][] = [
    [
      [["../../etc/passwd.jpg", "x"]],
      'header at byte 0: path "../../etc/passwd.jpg" leads out of the data set',
    ],
    [[["/etc/a.jpg", "x"]], 'path "/etc/a.jpg" leads out of the data set'],
    [[["a/../../b.jpg", "x"]], "leads out of the data set"],
    [[["a\n.jpg", "x"]], 'path "a\\n.jpg" has control characters'],
    [[["a.jpg", "", "2"]], '"a.jpg" is a link, expected files only'],
    [[["a.jpg", "", "3"]], '"a.jpg" is of type "3", expected files only'],
    [[["a.jpg", "x"]], "example a has no label, expected a.cls"],
    [[["a.cls", "1"]], "example a has no image, expected a.jpg"],
    [[["a.json", "{"], ["a.jpg", "x"]], "a.json: no JSON"],
    [[["a.cls", "1".repeat(2 ** 20 + 1)]], "a.cls has 1048577 bytes"],
    [
      tar([["a.jpg", "x".repeat(600)]]).subarray(0, 1000),
      "content up to byte 1112, expected at most the archive's 1000",
    ],
    [tar([["a.jpg", "x"]]).subarray(0, 300), "header at byte 0: cut off"],
    [new TextEncoder().encode("<html>".repeat(100)), "header at byte 0: "],
  ];
  await inTemporaryFolder(async (folder) => {
    for (const [content, message] of cases) {
      const path = `${folder}/bad.tar`;
      await Deno.writeFile(
        path,
        content instanceof Uint8Array ? content : tar(content),
      );
      const error = await assertRejects(() => openDataset(path), DatasetError);
      assert(error.message.startsWith(`${path}: `), error.message);
      assert(error.message.includes(message), error.message);
      assert(!error.message.includes("\n"));
    }
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  });
});

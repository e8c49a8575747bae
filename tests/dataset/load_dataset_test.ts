import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadDataset } from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";
import { HubError } from "../../src/hub/mod.ts";
import { withHub } from "../hub/hub_case.ts";
import { assertRows, DATASETS, EXPECTED, range } from "./expected_datasets.ts";

type Files = Record<string, string | Uint8Array<ArrayBuffer>>;

/** The files of a data set that Python wrote, by their paths. */
function filesOf(name: string): Files {
  const files: Files = {};
  const walk = (below: string): void => {
    for (
      const entry of Deno.readDirSync(`${DATASETS}/${name}/${below}`)
    ) {
      const path = `${below}${entry.name}`;
      if (entry.isDirectory) walk(`${path}/`);
      else files[path] = Deno.readFileSync(`${DATASETS}/${name}/${path}`);
    }
  };
  walk("");
  return files;
}

Deno.test("only the files of the split are downloaded, once", async () => {
  await withHub(async ({ hub, options }) => {
    hub.put("me/digits", filesOf("repository"), { type: "dataset" });
    const load = { name: "cropped", hub: options };
    const test = await loadDataset("me/digits", { ...load, split: "test" });
    assertEquals(test.classNames, EXPECTED.names);
    await assertRows(test, range(0, 16));
    assert(!test.name.includes("train"));
    const offline = { ...load, hub: { ...options, offline: true } };
    await assertRows(
      await loadDataset("me/digits", { ...offline, split: "test" }),
      range(0, 16),
    );
    await assertRejects(
      () => loadDataset("me/digits", { ...offline, split: "train" }),
      HubError,
      "lacks cropped/train-00000-of-00001.parquet",
    );
    await assertRows(
      await loadDataset("me/digits", { ...load, split: "train" }),
      range(16, 24),
    );
    await assertRejects(
      () => loadDataset("me/digits", { ...load, split: "val" }),
      DatasetError,
      "me/digits: no split val, expected split=SPLIT, one of test, train",
    );
    await assertRejects(
      () => loadDataset("me/nothing", { hub: options }),
      HubError,
    );
  });
});

Deno.test("a card, tar archives and tables come from the hub too", async () => {
  await withHub(async ({ hub, options }) => {
    hub.put("me/tars", filesOf("webdataset"), { type: "dataset" });
    await assertRows(
      await loadDataset("me/tars", { split: "test", hub: options }),
      range(0, 12),
    );
    hub.put("me/table", filesOf("table"), { type: "dataset" });
    await assertRows(
      await loadDataset("me/table", { split: "train", hub: options }),
      range(0, 6),
    );
    hub.put("me/card", {
      "README.md":
        "---\nconfigs:\n- config_name: all\n  data_files:\n  - split: test\n    path: some/b*\n---",
      "some/a.parquet": filesOf("encodings")["groups.parquet"]!,
      "some/b.parquet": filesOf("encodings")["names.parquet"]!,
    }, { type: "dataset" });
    const card = await loadDataset("me/card", { split: "test", hub: options });
    assertEquals(card.classNames, ["ant", "ox", "zebra"]);
  });
});

Deno.test("a split may be cut", async () => {
  const path = `${DATASETS}/repository`;
  const load = (split: string, more = {}) =>
    loadDataset(path, { name: "cropped", split, ...more });
  await assertRows(await load("test[:5]"), range(0, 5));
  await assertRows(await load("test[25%:50%]"), range(4, 8));
  await assertRows(await load("test[-3:]"), range(13, 16));
  await assertRows(await load("test[4:]", { limit: 2 }), range(4, 6));
  for (const split of ["test[", "../test", "train+test", "test[a:b]"]) {
    await assertRejects(
      () => load(split),
      DatasetError,
      `split is ${JSON.stringify(split)}, expected a name such as test`,
    );
  }
});

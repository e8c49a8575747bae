import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Composition } from "../../src/config/compose.ts";
import { readUserFile } from "../../src/config/source.ts";
import { ConfigError } from "../../src/fusion_error.ts";
import type { ConfigObject } from "../../src/config/mod.ts";

async function composed(
  files: Record<string, string>,
  main: string,
  group = "",
): Promise<ConfigObject> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(join(folder, name, ".."), { recursive: true });
      await Deno.writeTextFile(join(folder, name), text);
    }
    const composition = new Composition();
    const file = await readUserFile(join(folder, main), group);
    await composition.load(file, []);
    return composition.tree;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("defaults list: groups, packages, lists, _self_, optional, null", async () => {
  const files = {
    "main.yaml": `
defaults:
  - base
  - db: mysql
  - db@copy: [mysql, postgres]
  - optional db: oracle
  - cache: null
  - _self_
  - last
own: 1
shared: main
late: main`,
    "base.yaml": "shared: base\nbase: true",
    "last.yaml": "late: last",
    "db/mysql.yaml": "name: mysql\nport: 1",
    "db/postgres.yaml": "name: postgres",
  };
  assertEquals(await composed(files, "main.yaml"), {
    base: true,
    shared: "main",
    late: "last",
    own: 1,
    db: { name: "mysql", port: 1 },
    copy: { name: "postgres", port: 1 },
  });
});

Deno.test("defaults list: without _self_ a config overrides its defaults", async () => {
  const files = {
    "main.yaml": "defaults: [base]\na: main",
    "base.yaml": "a: base",
  };
  assertEquals(await composed(files, "main.yaml"), { a: "main" });
});

Deno.test("defaults list: override, absolute group, _global_, header", async () => {
  const files = {
    "main.yaml": "defaults:\n  - server: apache\n  - override /db@server.db: b",
    "server/apache.yaml":
      "defaults:\n  - /db@db: a\n  - /other@_global_.top: o\n  - /headed: h\nx: 1",
    "db/a.yaml": "v: a",
    "db/b.yaml": "v: b",
    "other/o.yaml": "o: 1",
    "headed/h.yaml": "# @package _global_\nh: 1",
  };
  const main = files["main.yaml"].replace("/db@server.db", "db@server.db");
  assertEquals(await composed({ ...files, "main.yaml": main }, "main.yaml"), {
    server: { db: { v: "b" }, x: 1 },
    top: { o: 1 },
    h: 1,
  });
});

Deno.test("defaults list: a circle and a missing option are told", async () => {
  await assertRejects(
    () =>
      composed(
        { "a.yaml": "defaults: [b]", "b.yaml": "defaults: [a]" },
        "a.yaml",
      ),
    ConfigError,
    "leads back to itself",
  );
  await assertRejects(
    () => composed({ "a.yaml": "defaults:\n  - db: nope" }, "a.yaml"),
    ConfigError,
    "defaults names db/nope",
  );
  await assertRejects(
    () => composed({ "a.yaml": "defaults:\n  - [1]" }, "a.yaml"),
    ConfigError,
    "expected a name",
  );
  await assertRejects(
    () => composed({ "a.yaml": "a: [1" }, "a.yaml"),
    ConfigError,
    "a.yaml: no YAML",
  );
});

Deno.test("FusionBench's own list of eight tasks composes through its tree", async () => {
  const root = fromFileUrl(new URL("fusion_bench/", import.meta.url));
  const file = await readUserFile(
    join(
      root,
      "taskpool/ImageClassificationTaskPool/convnext-base-224_8-tasks.yaml",
    ),
    "taskpool",
  );
  assertEquals(file.group, "taskpool");
  const composition = new Composition();
  await composition.load(file, ["taskpool"]);
  const pool = composition.tree["taskpool"] as ConfigObject;
  assertEquals(Object.keys(pool["test_datasets"]!), [
    "sun397",
    "stanford-cars",
    "resisc45",
    "eurosat",
    "svhn",
    "gtsrb",
    "mnist",
    "dtd",
  ]);
});

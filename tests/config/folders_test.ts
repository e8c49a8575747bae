import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { ConfigError } from "../../src/fusion_error.ts";
import {
  composeRunConfig,
  poolFromFolder,
  tasksFromFolder,
} from "../../src/config/mod.ts";

async function withFiles(
  files: string[],
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const file of files) {
      await Deno.mkdir(join(folder, file, ".."), { recursive: true });
      await Deno.writeTextFile(join(folder, file), "{}");
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("poolFromFolder: code point order, pretrained is the ancestor", () =>
  withFiles(
    [
      "b/config.json",
      "Z/config.json",
      "a/config.json",
      "pretrained/config.json",
      "notes/x",
      "y.txt",
    ],
    async (folder) => {
      const { models } = await poolFromFolder(folder);
      assertEquals(Object.entries(models!), [
        ["_pretrained_", join(folder, "pretrained")],
        ["Z", join(folder, "Z")],
        ["a", join(folder, "a")],
        ["b", join(folder, "b")],
      ]);
      const { config } = await composeRunConfig([
        "method=simple_average",
        `modelpool=${folder}/`,
        "~modelpool.models.Z",
      ]);
      assertEquals(Object.keys(config.modelpool.models), [
        "_pretrained_",
        "a",
        "b",
      ]);
    },
  ));

Deno.test("poolFromFolder tells of folders that hold no model", () =>
  withFiles(
    ["a/config.json", "b/notes.txt", "c/model.safetensors", ".git/config"],
    async (folder) => {
      const warnings: string[] = [];
      const { models } = await poolFromFolder(
        folder,
        (message) => void warnings.push(message),
      );
      // Whose weights c holds is told where they are opened.
      assertEquals(Object.keys(models!), ["a", "c"]);
      assertEquals(warnings, [
        `${
          join(folder, "b")
        }: no config.json and no weights, so it is no model of the pool`,
      ]);
    },
  ));

Deno.test("poolFromFolder: no model, two ancestors, a model itself", async () => {
  await withFiles(["a/notes.txt"], async (folder) => {
    await assertRejects(
      () => poolFromFolder(folder),
      ConfigError,
      "holds no model folder: expected <task>/config.json",
    );
  });
  await withFiles(["config.json"], async (folder) => {
    await assertRejects(
      () => poolFromFolder(folder),
      ConfigError,
      "is itself a model",
    );
  });
  await withFiles(
    ["pretrained/config.json", "_pretrained_/config.json"],
    async (folder) => {
      await assertRejects(() => poolFromFolder(folder), ConfigError, "both");
    },
  );
});

Deno.test("tasksFromFolder: every <task>/test", async () => {
  const files = [
    "m/test/x",
    "a/test/x",
    "n/train/x",
    "o/test",
    ".p/x",
    "q.txt",
  ];
  await withFiles(files, async (folder) => {
    const warnings: string[] = [];
    const { test_datasets } = await tasksFromFolder(
      folder,
      (message) => void warnings.push(message),
    );
    assertEquals(Object.entries(test_datasets!), [
      ["a", join(folder, "a", "test")],
      ["m", join(folder, "m", "test")],
    ]);
    assertEquals(
      warnings,
      ["n", "o"].map((name) => {
        const path = join(folder, name);
        return `${path}: no test set, so it is no task that is evaluated: expected ${path}/test/`;
      }),
    );
  });
  await withFiles(["m/train/x"], async (folder) => {
    await assertRejects(
      () => tasksFromFolder(folder),
      ConfigError,
      "<task>/test/",
    );
  });
});

Deno.test({
  name: "poolFromFolder, tasksFromFolder: a folder that may not be read",
  // Root may read everything.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: () =>
    withFiles(["a/test/x", "b/test/x"], async (folder) => {
      const locked = join(folder, "b");
      await Deno.chmod(locked, 0);
      try {
        await assertRejects(
          () => tasksFromFolder(folder),
          ConfigError,
          `${join(locked, "test")}: cannot be looked at: permission denied`,
        );
        await assertRejects(
          () => poolFromFolder(folder),
          ConfigError,
          `${join(locked, "config.json")}: cannot be looked at: permission`,
        );
        await assertRejects(
          () => tasksFromFolder(locked),
          ConfigError,
          `${locked}: cannot be listed: permission denied`,
        );
      } finally {
        await Deno.chmod(locked, 0o755);
      }
    }),
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { basename, join } from "@std/path";
import {
  cleanUpTemporaries,
  replaceFolder,
  SafetensorsWriter,
} from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { temporaryFolder } from "../../src/temporaries.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";

const DEAD = 12345;

const writes = (name: string) => async (folder: string): Promise<void> => {
  await Deno.mkdir(join(folder, "heads"));
  await Deno.writeTextFile(join(folder, "heads", "h.safetensors"), name);
  await Deno.writeTextFile(join(folder, "config.json"), name);
};
const content = (folder: string): string =>
  Deno.readTextFileSync(join(folder, "config.json"));

Deno.test("replaceFolder() makes a folder, then replaces it", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "deep", "model");
    await replaceFolder(target, writes("first"));
    assertEquals(content(target), "first");
    await Deno.writeTextFile(join(target, "ensemble.json"), "");
    await replaceFolder(target, async (temporary) => {
      assertEquals(content(target), "first", "the old one stays meanwhile");
      await writes("second")(temporary);
    });
    assertEquals(content(target), "second");
    assertEquals(listNames(target), ["config.json", "heads"]);
    assertEquals(listNames(join(parent, "deep")), ["model"]);
  });
});

Deno.test("replaceFolder() that fails leaves no folder that it made", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "mine", "deep", "er", "model");
    await Deno.mkdir(join(parent, "mine"));
    const fails = (): Promise<void> => {
      throw new Deno.errors.FilesystemLoop("full");
    };
    await assertRejects(() => replaceFolder(target, fails));
    // An empty folder that was there stays.
    assertEquals(listNames(parent), ["mine"]);
    assertEquals(listNames(join(parent, "mine")), []);
    // So does one in which somebody has put something meanwhile.
    await assertRejects(() =>
      replaceFolder(target, async () => {
        await Deno.writeTextFile(join(parent, "mine", "deep", "notes"), "");
        fails();
      })
    );
    assertEquals(listNames(join(parent, "mine", "deep")), ["notes"]);
  });
});

Deno.test("replaceFolder() takes no file that is no part of a model", async () => {
  for (
    const [file, words] of [
      ["thesis.txt", "thesis.txt"],
      ["heads/mnist/notes.md", "heads/mnist/notes.md"],
      ["photos/cat.jpg", "the folder photos"],
    ] as const
  ) {
    await inTemporaryFolder(async (parent) => {
      const target = join(parent, "model");
      await replaceFolder(target, writes("first"));
      await Deno.mkdir(join(target, file, ".."), { recursive: true });
      await Deno.writeTextFile(join(target, file), "precious");
      const error = await assertRejects(
        () => replaceFolder(target, writes("second")),
        CheckpointError,
      );
      assertEquals(
        error.message,
        `${target} holds ${words}, which is no part of a model and would be lost, expected a new name, an empty folder or a model's folder`,
      );
      assertEquals(content(target), "first");
      assertEquals(listNames(parent), ["model"]);
    });
  }
});

/** What a merge writes: its card tells whose folder it is. */
const merges = (name: string) => async (folder: string): Promise<void> => {
  await writes(name)(folder);
  await Deno.writeTextFile(
    join(folder, "README.md"),
    "---\ntags:\n  - convnext-fusion\n---\n",
  );
};

Deno.test("replaceFolder() leaves reports and notes beside its own models", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    await replaceFolder(target, merges("first"));
    await Deno.writeTextFile(join(target, "report.json"), "{}");
    await Deno.mkdir(join(target, "photos"));
    await Deno.writeTextFile(join(target, "photos", "cat.jpg"), "a cat");
    await Deno.symlink("photos/cat.jpg", join(target, "best.jpg"));
    // A search goes on with its record, wherever its folder went.
    using record = await Deno.open(join(target, "trials.jsonl"), {
      createNew: true,
      write: true,
    });
    await replaceFolder(target, async (temporary) => {
      await merges("second")(temporary);
      await Deno.writeTextFile(join(target, "late.txt"), "late");
    });
    record.writeSync(new TextEncoder().encode("trial"));
    assertEquals(content(target), "second");
    assertEquals(listNames(target), [
      "README.md",
      "best.jpg",
      "config.json",
      "heads",
      "late.txt",
      "photos",
      "report.json",
      "trials.jsonl",
    ]);
    const read = (name: string): string =>
      Deno.readTextFileSync(join(target, name));
    assertEquals([read("best.jpg"), read("trials.jsonl")], ["a cat", "trial"]);
    assertEquals(listNames(parent), ["model"]);
  });
});

Deno.test("replaceFolder() knows its own models by merge.json too", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    await replaceFolder(target, writes("first"));
    await Deno.writeTextFile(
      join(target, "merge.json"),
      '{"versions": {"@convnext/fusion": "0.1.0"}}',
    );
    await Deno.writeTextFile(join(target, "notes.txt"), "mine");
    await replaceFolder(target, writes("second"));
    assertEquals(listNames(target), ["config.json", "heads", "notes.txt"]);
    await Deno.remove(join(target, "notes.txt"));
    await Deno.writeTextFile(join(target, "heads", "notes.txt"), "mine");
    await assertRejects(
      () => replaceFolder(target, writes("third")),
      CheckpointError,
      "holds heads/notes.txt, which is no part of a model and would be lost",
    );
  });
});

Deno.test("replaceFolder() refuses where both need one name", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    await replaceFolder(target, merges("first"));
    await Deno.mkdir(join(target, "merge.json"));
    await assertRejects(
      () =>
        replaceFolder(target, async (temporary) => {
          await merges("second")(temporary);
          await Deno.writeTextFile(join(temporary, "merge.json"), "{}");
        }),
      CheckpointError,
      `${target} holds merge.json, in whose place the model has a file of its own`,
    );
    assertEquals(content(target), "first");
    assertEquals(listNames(parent), ["model"]);
  });
});

Deno.test("replaceFolder() leaves all as it was when writing fails", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    const fails = (error: Error) => async (folder: string): Promise<void> => {
      await writes("half")(folder);
      throw error;
    };
    const failure = new TypeError("a mistake");
    const thrown = await assertRejects(() =>
      replaceFolder(target, fails(failure))
    );
    assertEquals(thrown, failure);
    assertEquals(listNames(parent), []);
    await replaceFolder(target, writes("first"));
    const full = Object.assign(new Error("ENOSPC: x"), { code: "ENOSPC" });
    const error = await assertRejects(
      () => replaceFolder(target, fails(full)),
      CheckpointError,
    );
    assertEquals(
      error.message,
      `cannot write ${target}: no space left on the device`,
    );
    assertEquals(content(target), "first");
    assertEquals(listNames(parent), ["model"]);
  });
});

Deno.test("replaceFolder() names files by where they were to be", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    const error = await assertRejects(
      () =>
        replaceFolder(target, async (temporary) => {
          const path = join(temporary, "model.safetensors");
          await (await SafetensorsWriter.create(path, [
            { name: "x", dtype: "F32", shape: [1] },
          ])).finish();
        }),
      CheckpointError,
    );
    assertEquals(
      error.message,
      `${
        join(target, "model.safetensors")
      }: 1 of 1 elements of tensor "x" were not written`,
    );
    assertEquals(listNames(parent), []);
  });
});

Deno.test("replaceFolder() replaces only models and empty folders", async () => {
  await inTemporaryFolder(async (parent) => {
    const refuses = async (target: string, found: string): Promise<void> => {
      let began = false;
      const error = await assertRejects(
        () =>
          replaceFolder(target, () => {
            began = true;
            return Promise.resolve();
          }),
        CheckpointError,
        found,
      );
      assert(error.message.startsWith(target));
      assert(!began, "nothing should be computed in vain");
    };
    const file = join(parent, "file");
    await Deno.writeTextFile(file, "");
    await refuses(file, "exists and is not a folder");
    const other = join(parent, "other");
    await Deno.mkdir(other);
    await replaceFolder(other, writes("into an empty one"));
    await Deno.remove(join(other, "config.json"));
    await refuses(other, "with other files and no config.json, merge.json or");
    await Deno.writeTextFile(join(other, "merge.json"), "{}");
    await Deno.mkdir(join(other, ".git"));
    await refuses(other, "is a git repository");
    await refuses(Deno.cwd(), "is or holds the current folder");
    const below = join(file, "model");
    await assertRejects(
      () => replaceFolder(below, writes("x")),
      CheckpointError,
      `cannot write ${below}: part of the path is not a folder`,
    );
  });
});

Deno.test({
  name: "replaceFolder() leaves a folder that is write-protected",
  // Root may write everywhere.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: () =>
    inTemporaryFolder(async (parent) => {
      const target = join(parent, "model");
      await replaceFolder(target, merges("first"));
      await Deno.chmod(target, 0o555);
      try {
        const error = await assertRejects(
          () => replaceFolder(target, merges("second")),
          CheckpointError,
        );
        assertEquals(
          error.message,
          `cannot write ${target}: permission denied`,
        );
        assertEquals(content(target), "first");
        assertEquals(listNames(parent), ["model"]);
      } finally {
        await Deno.chmod(target, 0o755);
      }
    }),
});

Deno.test("replaceFolder() goes through a link to the folder itself", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    await replaceFolder(target, writes("first"));
    const link = join(parent, "link");
    await Deno.symlink(target, link);
    await replaceFolder(link, writes("second"));
    assertEquals(content(target), "second");
    assert(Deno.lstatSync(link).isSymlink);
  });
});

Deno.test("replaceFolder() puts right what a killed process left", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    const dead = join(parent, `.model.${DEAD}-01234567.partial`);
    const old = join(parent, `.model.${DEAD}-01234567.old`);
    const alive = temporaryFolder(target);
    const alike = `.models.${DEAD}-01234567.partial`;
    await Deno.mkdir(dead);
    await Deno.mkdir(join(parent, alike));
    // Killed between its two renames, with nothing under the folder's name.
    await Deno.mkdir(old);
    await writes("before")(old);
    await replaceFolder(target, async (temporary) => {
      assertEquals(content(target), "before");
      await writes("after")(temporary);
    });
    assertEquals(content(target), "after");
    assertEquals(
      listNames(parent),
      [basename(alive.path), alike, "model"].sort(),
    );
    alive.release();
  });
});

Deno.test("replaceFolder() brings back what a process killed between its renames had aside", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    await replaceFolder(target, merges("second"));
    await Deno.writeTextFile(join(target, "report.json"), "new");
    const old = join(parent, `.model.${DEAD}-01234567.old`);
    await Deno.mkdir(old);
    await merges("first")(old);
    await Deno.writeTextFile(join(old, "report.json"), "old");
    await Deno.writeTextFile(join(old, "notes.txt"), "mine");
    await replaceFolder(target, merges("third"));
    assertEquals(content(target), "third");
    assertEquals(listNames(parent), ["model"]);
    const read = (name: string): string =>
      Deno.readTextFileSync(join(target, name));
    assertEquals([read("report.json"), read("notes.txt")], ["new", "mine"]);
  });
});

Deno.test("cleanUpTemporaries() removes a folder half written", async () => {
  await inTemporaryFolder(async (parent) => {
    const target = join(parent, "model");
    await assertRejects(() =>
      replaceFolder(target, async (temporary) => {
        await writes("half")(temporary);
        assertEquals(listNames(parent).length, 1);
        cleanUpTemporaries();
        assertEquals(listNames(parent), []);
      }), CheckpointError);
    assertEquals(listNames(parent), []);
  });
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { HubServer } from "../hub_server/hub_server.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { killCases, mergeCase } from "./commands.ts";
import {
  type KillCase,
  lossesOf,
  prepareCase,
  type Prepared,
  runFusion,
  startFusion,
} from "./kill_case.ts";
import { difference, snapshot } from "./snapshot.ts";

/** The commands compute on wasm here, whatever the tests do. */
const ignore = testBackendName !== "wasm" || Deno.build.os === "windows";

/** A case whose whole runs are not known: nothing may load. */
async function unknownCase(
  folder: string,
  killCase: KillCase,
  work = join(folder, "work"),
): Promise<Prepared> {
  const sources = join(folder, "sources");
  await Deno.mkdir(sources, { recursive: true });
  await Deno.mkdir(work, { recursive: true });
  await killCase.prepare(sources);
  return {
    ...killCase,
    folder,
    work,
    sources,
    sourcesBefore: snapshot(sources),
    whole: undefined,
    allowed: new Map(),
    duration: 0,
    events: 0,
  };
}

/** Checks that a command fails as the user's input does, and leaves nothing. */
async function assertRefused(
  prepared: Prepared,
  { code, stderr }: { code: number; stderr: string },
  reason: RegExp,
): Promise<void> {
  const errors = stderr.split("\n").filter((line) => /error/i.test(line));
  assertEquals([code, errors.length], [2, 1], `${prepared.name}: ${stderr}`);
  assertMatch(errors[0]!, /^error: /);
  assertMatch(errors[0]!, reason);
  assert(errors[0]!.includes(prepared.work), errors[0]);
  assertEquals(await lossesOf(prepared), [], prepared.name);
  assertEquals(emptyIn(prepared.work), [], prepared.name);
}

/** Folders and files with nothing in them. */
function emptyIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (!isDirectory) return Deno.statSync(path).size === 0 ? [path] : [];
    const empty = emptyIn(path);
    return listNames(path).length === 0 ? [path] : empty;
  });
}

Deno.test({
  name: "a file that may not grow: one line, status 2, nothing lost",
  ignore,
  async fn() {
    await using hub = new HubServer();
    await Promise.all(
      killCases(hub).map((killCase) =>
        inTemporaryFolder(async (folder) => {
          const prepared = await unknownCase(folder, killCase);
          const { work, sources, words, env } = prepared;
          // Reports are small; Deno's own files are not written either then.
          const fileBlocks = killCase.name.startsWith("evaluate") ? 0 : 100;
          await assertRefused(
            prepared,
            await runFusion(words(work, sources), env?.(work), { fileBlocks }),
            /does not take files of this size/,
          );
        })
      ),
    );
  },
});

/** Runs what needs a file system of its own, where one may be mounted. */
async function onDisk(
  size: string,
  test: (folder: string, disk: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const disk = join(folder, "disk");
    await Deno.mkdir(disk);
    const run = async (...words: string[]): Promise<boolean> => {
      try {
        return (await new Deno.Command(words[0]!, {
          args: words.slice(1),
          stderr: "null",
        }).output()).success;
      } catch {
        return false;
      }
    };
    const options = `size=${size}`;
    if (!await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk)) {
      console.warn("no file system may be mounted here: not tried");
      return;
    }
    try {
      await test(folder, disk);
    } finally {
      await run("umount", disk);
    }
  });
}

Deno.test({
  name: "a full disk: one line, status 2, nothing lost",
  ignore,
  async fn() {
    await using hub = new HubServer();
    for (const killCase of killCases(hub)) {
      if (killCase.name.startsWith("evaluate")) continue;
      await onDisk("96k", async (folder, disk) => {
        const prepared = await unknownCase(folder, killCase, disk);
        const { sources, words, env } = prepared;
        await assertRefused(
          prepared,
          await runFusion(words(disk, sources), env?.(disk)),
          /no space left on the device/,
        );
      });
    }
  },
});

Deno.test({
  name: "a target that is read-only: one line, status 2",
  ignore,
  async fn() {
    await using hub = new HubServer();
    for (const killCase of killCases(hub)) {
      await onDisk("1m,ro", async (folder, disk) => {
        const prepared = await unknownCase(folder, killCase, disk);
        const { sources, words, env } = prepared;
        await assertRefused(
          prepared,
          await runFusion(words(disk, sources), env?.(disk)),
          /read-only/,
        );
      });
    }
  },
});

Deno.test({
  name: "a source that is cut off or deleted meanwhile: one line, or all of it",
  ignore,
  async fn() {
    for (const harm of ["cut", "deleted"]) {
      await inTemporaryFolder(async (folder) => {
        const prepared = await unknownCase(folder, mergeCase);
        const { sources, work, words } = prepared;
        const slow = [...words(work, sources), "chunk_size=20"];
        const expert = join(sources, "pool/beta");
        const watcher = Deno.watchFs(work);
        const child = startFusion(slow).output();
        for await (const _ of watcher) break;
        if (harm === "deleted") await Deno.remove(expert, { recursive: true });
        else await Deno.truncate(join(expert, "model.safetensors"), 70_000);
        const { code, stderr } = await child;
        const text = new TextDecoder().decode(stderr);
        // A file that is open can be read on, though it has no name.
        if (harm === "deleted" && code === 0) return;
        const errors = text.split("\n").filter((line) => /error/i.test(line));
        assertEquals([code, errors.length], [2, 1], text);
        assert(errors[0]!.includes(expert), text);
        assertEquals(listNames(work), []);
      });
    }
  },
});

Deno.test({
  name: "of two merges to one target, one wins whole",
  ignore,
  async fn() {
    await inTemporaryFolder(async (folder) => {
      const prepared = await prepareCase(folder, {
        ...mergeCase,
        variants: (work, sources) => [
          [...mergeCase.words(work, sources), "method.scaling_factor=0.9"],
        ],
      });
      const { sources, work, words, allowed } = prepared;
      await Deno.remove(join(work, "out"), { recursive: true });
      const both = [
        words(work, sources),
        prepared.variants!(work, sources)[0]!,
      ];
      for (let turn = 0; turn < 2; turn++) {
        const results = await Promise.all(
          both.map((words) => runFusion(words)),
        );
        // Whose model was replaced before it was evaluated is told so.
        for (const { code, stderr } of results) {
          if (code !== 0) {
            assertMatch(stderr, /error: .* another process has put another/);
          }
        }
        assert(results.some(({ code }) => code === 0));
        const found = snapshot(join(work, "out"));
        assert(
          allowed.get("out")!.some((whole) =>
            difference(found, whole).length === 0
          ),
        );
        assertEquals(listNames(work), ["out", "report.json"]);
      }
    });
  },
});

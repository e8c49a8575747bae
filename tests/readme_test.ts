import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { memoryStateDict } from "../src/checkpoint/mod.ts";
import { mergeInMemory, type MergeMethod } from "../src/merge/mod.ts";
import { runMain } from "./cli/run_main.ts";
import { dataPath } from "./reference.ts";
import { inTemporaryFolder, listNames } from "./temporary_folder.ts";
import { testBackend, testBackendName } from "./test_backend.ts";

const README = await Deno.readTextFile(dataPath("README.md"));
const CONFIG = JSON.parse(await Deno.readTextFile(dataPath("deno.json")));

/** The code blocks whose fence says `language`. */
function blocks(language: string): string[] {
  return Array.from(
    README.matchAll(/^```(.*)\n([^]*?)^```$/gm),
    ([, info, text]) => ({ info, text: text! }),
  ).filter(({ info }) => info === language).map(({ text }) => text);
}

/** The shell commands, each as its words. */
const COMMANDS = blocks("sh").join("\n")
  .replaceAll("\\\n", " ")
  .split("\n")
  .map((line) => line.replace(/ #.*/, "").trim())
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(/\s+/));

/** Commands of the command line, without `deno task fusion`. */
const FUSION = COMMANDS
  .filter((words) => words.slice(0, 3).join(" ") === "deno task fusion")
  .map((words) => words.slice(3));

Deno.test("every task that the README names is in deno.json", () => {
  const named = README.matchAll(/deno(?:@[\d.]+)? task ([\w:-]+)/g);
  const tasks = new Set(Array.from(named, ([, task]) => task!));
  assert(tasks.has("demo") && tasks.has("test") && tasks.has("fusion"));
  for (const task of tasks) assert(task in CONFIG.tasks, task);
});

Deno.test("the README's commands run as they stand, in their order", async () => {
  assert(FUSION.length >= 7, `${FUSION.length} commands found`);
  await inTemporaryFolder(async (folder) => {
    for (const words of FUSION) {
      const merges = words.some((word) => word.startsWith("method="));
      const evaluates = words.some((word) => word.startsWith("taskpool="));
      // Repositories that a test machine does not hold: parsed, not merged.
      const isDry = words.some((word) => word.includes("8-tasks"));
      const args = words.map((word) =>
        word
          .replace(/^((?:\w+=)?)out\b/, `$1${folder}/out`)
          .replace(/^demo\//, dataPath("demo/"))
      );
      const command = `fusion ${words.join(" ")}`;
      const { status, errors, output } = await runMain(
        ...args,
        ...(isDry ? ["dry_run=true"] : []),
        ...(evaluates ? ["fast_dev_run=true"] : []),
        ...(merges || evaluates || words[0] === "predict" ||
            words[0] === "convert"
          ? [`backend=${testBackendName}`]
          : []),
      );
      assertEquals(status, 0, `${command}: ${errors.join("\n")}`);
      assert(isDry || output.trim() !== "", `${command} printed nothing`);
    }
    assertEquals(listNames(folder), ["out", "out-tfjs", "out.json"]);
    // What a merge writes is what the README says that it writes.
    const names = blocks("").find((text) => text.includes("merge.json"))!
      .split("\n").flatMap((line) => line.split(/\s{3,}/)[0]!.split(/\s+/))
      .filter((name) => name.includes("."));
    for (const name of names) {
      await Deno.stat(`${folder}/out/${name.replace("<task>", "greek")}`);
    }
    assert(names.length >= 7, names.join());
  });
});

Deno.test("the example of a new method merges, with the preset beside it", async () => {
  await testBackend();
  const code = blocks("ts ignore").find((text) => text.includes("MergeMethod"));
  const { default: method } = await import(
    `data:application/typescript,${encodeURIComponent(code!)}`
  ) as { default: MergeMethod<Readonly<Record<string, unknown>>> };
  const values = [[1, 9, -3, 4], [2, 5, -1, 4], [3, 7, -2, 0]];
  const merged = await mergeInMemory(
    {
      models: new Map(values.map((data, i) => [
        `${i}`,
        memoryStateDict({
          "convnext.a": { shape: [4], data: Float32Array.from(data) },
        }, `${i}`),
      ])),
    },
    { name: "median", parameters: method.parameters.parse({}), method },
  );
  assertEquals([...await merged.read("convnext.a")], [2, 7, -2, 4]);
  const [preset] = blocks("yaml").map((text) => parse(text));
  assertEquals(preset, { _target_: "convnext_fusion.method.Median" });
});

Deno.test("the package is imported by its name and exports", () => {
  assert(README.includes(`jsr:${CONFIG.name}`));
  for (const [, path] of README.matchAll(/jsr:@convnext\/fusion\/(\w+)/g)) {
    assert(`./${path}` in CONFIG.exports, path);
  }
  for (const block of blocks("ts")) {
    for (const [, from] of block.matchAll(/from "([^"]+)"/g)) {
      assertEquals(from, CONFIG.name);
    }
  }
});

Deno.test("files that the README links to or reads are there", async () => {
  const links = README.matchAll(/\]\((?!https?:)([^)#]+)\)/g);
  const read = README.matchAll(/"(demo\/[\w./-]+)"/g);
  const paths = [...links, ...read].map(([, path]) => path!);
  assert(paths.length > 3);
  for (const path of paths) await Deno.stat(dataPath(path));
});

Deno.test("CI runs nothing that the README does not", async () => {
  const script = await Deno.readTextFile(dataPath(".ci/run"));
  const tasks = Array.from(
    script.matchAll(/^run task ([\w:]+)$/gm),
    ([, task]) => task!,
  );
  assert(tasks.includes("test"), tasks.join());
  for (const task of tasks) assert(README.includes(`task ${task}`), task);
  // Nothing else in it starts Deno.
  assertEquals(script.match(/\bdeno@/g)?.length, 1);
});

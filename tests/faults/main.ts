/**
 * `deno task test:faults [kills=200] [fuzz=2000]`: kills every command many
 * times, damages files for every reader, and tells how many, and what was lost.
 */
import { fromFileUrl } from "@std/path";
import { markdownTable } from "../../src/report/mod.ts";
import { HubServer } from "../hub_server/hub_server.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { killCases } from "./commands.ts";
import { killAtRandom } from "./kill.ts";
import { prepareCase } from "./kill_case.ts";

const counts = { kills: 200, fuzz: 2000 };
for (const word of Deno.args) {
  const [, key, value] = /^(kills|fuzz)=(\d+)$/.exec(word) ?? [];
  if (!key) throw new Error(`${word}: expected kills=N or fuzz=N`);
  counts[key as keyof typeof counts] = Number(value);
}

/** @returns How much was lost. */
async function killAll(): Promise<number> {
  await using hub = new HubServer();
  const rows: string[][] = [];
  const lost: string[] = [];
  for (const killCase of killCases(hub)) {
    console.error(`killing ${killCase.name}`);
    await inTemporaryFolder(async (folder) => {
      const prepared = await prepareCase(folder, killCase);
      const result = await killAtRandom(prepared, counts.kills);
      rows.push([
        killCase.name,
        `${result.kills}`,
        `${result.whileWriting}`,
        `${result.finished}`,
        `${result.lost.length}`,
      ]);
      lost.push(...result.lost.map((loss) => `${killCase.name}: ${loss}`));
    });
  }
  console.log(markdownTable(
    ["command", "kills", "while writing", "finished by the next run", "lost"],
    rows,
  ));
  for (const loss of lost) console.log(loss);
  return lost.length;
}

/** Runs tests. */
async function runTests(
  title: string,
  path: string,
  env: Record<string, string> = {},
): Promise<boolean> {
  console.error(title);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--quiet", "-A", "--parallel", "--no-check", path],
    env: { ...env, NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!success) console.log(text + new TextDecoder().decode(stderr));
  console.log(`${title}: ${/^(ok|FAILED) \| .*/m.exec(text)?.[0] ?? "FAILED"}`);
  return success;
}

/** @returns Whether every reader stood all damaged files. */
async function damageFiles(): Promise<boolean> {
  const counted = await Deno.makeTempFile();
  const path = fromFileUrl(new URL("../fuzz", import.meta.url));
  const stood = await runTests("damaged files", path, {
    CONVNEXT_FUSION_FUZZ_RUNS: `${counts.fuzz}`,
    CONVNEXT_FUSION_FUZZ_COUNTS: counted,
  });
  const lines = (await Deno.readTextFile(counted)).trim().split("\n").sort();
  await Deno.remove(counted);
  console.log(markdownTable(
    ["reader", "damaged files tried"],
    lines.filter(Boolean).map((line) => {
      const [count, reader] = line.split(/: (.*)/);
      return [reader!, count!];
    }).sort(),
  ));
  return stood;
}

let sound = counts.kills === 0 || await killAll() === 0;
if (counts.fuzz > 0 && !await damageFiles()) sound = false;
const disks = fromFileUrl(new URL("disk_test.ts", import.meta.url));
if (!await runTests("full disks, lost sources, two at once", disks)) {
  sound = false;
}
console.log(sound ? "nothing was lost" : "something was lost: see above");
Deno.exit(sound ? 0 : 1);

/**
 * `deno task test:faults [kills=200] [fuzz=2000]`: kills every command many
 * times, damages files for every reader, and tells how many, and what was lost.
 */
import { HubServer } from "../hub_server/hub_server.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { markdownTable } from "../../src/report/mod.ts";
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

/** Runs tests; prints the lines of its output that are asked for. */
async function runTests(
  title: string,
  folders: string[],
  env: Record<string, string>,
): Promise<string | undefined> {
  console.error(title);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--quiet", "-A", "--parallel", "--no-check", ...folders],
    env: { ...env, NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  console.log(text + new TextDecoder().decode(stderr));
  return undefined;
}

const path = (name: string): string =>
  new URL(`../${name}`, import.meta.url).pathname;
let failed = counts.kills > 0 && await killAll() > 0;
if (counts.fuzz > 0) {
  const output = await runTests("damaging files", [path("fuzz")], {
    CONVNEXT_FUSION_FUZZ_RUNS: `${counts.fuzz}`,
  });
  const tried = [...(output ?? "").matchAll(/^tried (\d+): (.*)$/gm)];
  console.log();
  console.log(markdownTable(
    ["reader", "damaged inputs tried"],
    tried.map(([, count, reader]) => [reader!, count!]).sort(),
  ));
  failed ||= output === undefined;
}
const disk = await runTests("filling disks", [path("faults/disk_test.ts")], {});
console.log(
  disk === undefined
    ? "\ndisks: FAILED"
    : `\ndisks, sources, two at once: ${/ok \| .*/.exec(disk)?.[0]}`,
);
failed ||= disk === undefined;
console.log(failed ? "something was lost" : "nothing was lost");
Deno.exit(failed ? 1 : 0);

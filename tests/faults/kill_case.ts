import { join } from "@std/path";
import { dataPath } from "../reference.ts";
import {
  difference,
  modelFolders,
  type Snapshot,
  snapshot,
} from "./snapshot.ts";

/** A command to be killed. */
export interface KillCase {
  readonly name: string;
  /** Its words; paths it writes to are below `work`, sources below `sources`. */
  words(work: string, sources: string): string[];
  /** Variables of its environment. */
  env?(work: string): Record<string, string>;
  /** Fills `sources`. */
  prepare(sources: string): Promise<void>;
  /**
   * Other words that write, to the same place, what was there before, or what
   * may be there meanwhile.
   */
  readonly variants?: (work: string, sources: string) => string[][];
  /** Names in `work` that differ from run to run. */
  readonly leaveOut?: RegExp;
  /** Checks more of what a killed run left. */
  check?(work: string): Promise<void> | void;
}

/** A case whose whole runs' results are known. */
export interface Prepared extends KillCase {
  readonly folder: string;
  readonly work: string;
  readonly sources: string;
  readonly sourcesBefore: Snapshot | undefined;
  /** What a whole run leaves in `work`. */
  readonly whole: Snapshot | undefined;
  /** What may be in a folder that loads, or in another file, by its path. */
  readonly allowed: ReadonlyMap<string, readonly Snapshot[]>;
  /** Milliseconds that a whole run takes. */
  readonly duration: number;
  /** Changes of the file system that it makes, about. */
  readonly events: number;
}

/** Starts the command line on some words. */
export function startFusion(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  limits: { fileBlocks?: number } = {},
): Deno.ChildProcess {
  const command = [Deno.execPath(), "run", "--quiet", "-A", "--no-check"]
    .concat(dataPath("src/cli/main.ts"), words);
  if (limits.fileBlocks !== undefined) {
    // The signal would end the process; without it, writing fails.
    const script = `trap '' XFSZ; ulimit -f ${limits.fileBlocks}; exec "$@"`;
    command.unshift("sh", "-c", script, "sh");
  }
  return new Deno.Command(command[0]!, {
    args: command.slice(1),
    env: {
      HF_TOKEN: "",
      HF_TOKEN_PATH: "/dev/null",
      HF_HUB_OFFLINE: "",
      NO_COLOR: "1",
      ...env,
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** Runs it to its end. */
export async function runFusion(
  words: readonly string[],
  env?: Readonly<Record<string, string>>,
  limits?: { fileBlocks?: number },
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await startFusion(words, env, limits).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** Runs a case, and its variants, whole. */
export async function prepareCase(
  folder: string,
  killCase: KillCase,
): Promise<Prepared> {
  const sources = join(folder, "sources");
  const work = join(folder, "work");
  await Deno.mkdir(sources, { recursive: true });
  await killCase.prepare(sources);
  const allowed = new Map<string, Snapshot[]>();
  const runOnce = async (words: string[]): Promise<void> => {
    await emptyFolder(work);
    const { code, stderr } = await runFusion(
      words,
      killCase.env?.(work),
    );
    if (code !== 0) throw new Error(`${killCase.name}: ${stderr}`);
    for (const path of resultsIn(work)) {
      const list = allowed.get(path) ?? [];
      list.push(snapshot(join(work, path))!);
      allowed.set(path, list);
    }
  };
  for (const words of killCase.variants?.(work, sources) ?? []) {
    await runOnce(words);
  }
  await emptyFolder(work);
  const watcher = Deno.watchFs(work);
  let events = 0;
  const counting = (async () => {
    for await (const _ of watcher) events++;
  })();
  const begin = performance.now();
  await runOnce(killCase.words(work, sources));
  const duration = performance.now() - begin;
  await new Promise((resolve) => setTimeout(resolve, 50));
  watcher.close();
  await counting;
  return {
    ...killCase,
    folder,
    work,
    sources,
    sourcesBefore: snapshot(sources),
    whole: snapshot(work, killCase.leaveOut),
    allowed,
    duration,
    events,
  };
}

/** Folders that load as a model, and reports, as paths in `work`. */
function resultsIn(work: string): string[] {
  const reports = [...Deno.readDirSync(work)]
    .filter(({ name, isFile }) => isFile && name.endsWith(".json"))
    .map(({ name }) => name);
  return [
    ...modelFolders(work).map((path) => path.slice(work.length + 1)),
    ...reports,
  ];
}

/** Everything that is lost or half there; nothing, if all is well. */
export async function lossesOf(prepared: Prepared): Promise<string[]> {
  const { work, sources, sourcesBefore, allowed } = prepared;
  const lost = difference(snapshot(sources), sourcesBefore)
    .map((path) => `source${path} changed`);
  for (const path of resultsIn(work)) {
    const found = snapshot(join(work, path));
    // Before it has its name, and put aside, a model is what it is to be.
    const name = path.replace(
      /(^|\/)\.([^/]+)\.\d+-[0-9a-f]{8}\.(?:old|partial)$/,
      "$1$2",
    );
    const wholes = allowed.get(name) ?? [];
    const nearest = wholes.map((whole) => difference(found, whole))
      .sort((a, b) => a.length - b.length)[0];
    if (nearest?.length !== 0) {
      lost.push(`${path} is there, but ${nearest ?? "no whole run has it"}`);
    }
  }
  try {
    await prepared.check?.(work);
  } catch (error) {
    lost.push((error as Error).message);
  }
  return lost;
}

/** Runs to the end, and compares with a run that was not disturbed. */
export async function finishRun(prepared: Prepared): Promise<string[]> {
  const { work, sources, words, whole, leaveOut, name } = prepared;
  const { code, stderr } = await runFusion(
    words(work, sources),
    prepared.env?.(work),
  );
  if (code !== 0) return [`${name}: the next run fails: ${stderr}`];
  return difference(snapshot(work, leaveOut), whole)
    .map((path) => `after the next run, work${path} is not as it should be`);
}

/** Makes a folder, or removes all that is in it. */
export async function emptyFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.remove(join(folder, name), { recursive: true });
  }
}

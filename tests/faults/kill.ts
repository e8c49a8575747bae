import {
  emptyFolder,
  finishRun,
  lossesOf,
  type Prepared,
  startFusion,
} from "./kill_case.ts";

/** What came of killing a command many times. */
export interface KillResult {
  /** Runs that were killed before they ended. */
  kills: number;
  /** Of those, runs that had begun to write. */
  whileWriting: number;
  /** Runs that were let go on to their end. */
  finished: number;
  /** What was lost: must be empty. */
  lost: string[];
}

/** How often a killed run's remains are finished, not killed again. */
const FINISHED = 1 / 4;

/**
 * Kills a command at random moments: a third by the clock, the others upon a
 * change of the file system that it writes to. What is left is checked, then
 * either finished by a whole run, or the next run to be killed begins from it.
 */
export async function killAtRandom(
  prepared: Prepared,
  count: number,
): Promise<KillResult> {
  const result: KillResult = {
    kills: 0,
    whileWriting: 0,
    finished: 0,
    lost: [],
  };
  const finish = async (): Promise<void> => {
    result.lost.push(...await finishRun(prepared));
    result.finished++;
  };
  await emptyFolder(prepared.work);
  for (let tries = 0; result.kills < count && tries < 3 * count; tries++) {
    if (!await killOnce(prepared, result)) {
      // It was faster. From nothing, it will have more to do.
      await emptyFolder(prepared.work);
      continue;
    }
    result.lost.push(...await lossesOf(prepared));
    if (Math.random() < FINISHED) {
      await finish();
      // Half of the next runs find a model in their place, half find none.
      if (Math.random() < 0.5) await emptyFolder(prepared.work);
    }
  }
  await finish();
  return result;
}

/** @returns Whether the run was killed before it ended. */
async function killOnce(
  prepared: Prepared,
  result: KillResult,
): Promise<boolean> {
  const { work, sources, words, duration, events } = prepared;
  const watcher = Deno.watchFs(work);
  const byClock = Math.random() < 1 / 3;
  const fatal = Math.floor(Math.random() * events);
  let seen = 0;
  const child = startFusion(
    words(work, sources),
    prepared.env?.(work),
  );
  const kill = (): void => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  };
  const watching = (async () => {
    for await (const _ of watcher) {
      if (seen++ === fatal && !byClock) kill();
    }
  })();
  const timer = setTimeout(
    kill,
    byClock ? Math.random() * duration : 10 * duration,
  );
  const { signal } = await child.output();
  clearTimeout(timer);
  watcher.close();
  await watching;
  if (signal !== "SIGKILL") return false;
  result.kills++;
  if (seen > 0) result.whileWriting++;
  return true;
}

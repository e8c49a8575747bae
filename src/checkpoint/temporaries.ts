import { basename, dirname, join } from "@std/path";
import process from "node:process";
import { errorCode } from "./reason.ts";

/** Files and folders that this process is writing beside their place. */
const temporaries = new Set<string>();

/**
 * A new name beside `target` for what is written before it is renamed:
 * `.NAME.PID-RANDOM.partial`. It is removed by {@linkcode cleanUpTemporaries}
 * until it is released.
 */
export function temporaryBeside(target: string): string {
  const path = join(
    dirname(target),
    `.${basename(target)}.${ownMark()}.partial`,
  );
  temporaries.add(path);
  return path;
}

/** `PID-RANDOM`: tells whose a temporary is, and apart from others. */
export function ownMark(): string {
  return `${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Tells that a temporary has been renamed or removed. */
export function releaseTemporary(path: string): void {
  temporaries.delete(path);
}

/**
 * Removes every file and folder that is written beside its place and not yet
 * renamed. To be called when the process is interrupted; it does not wait.
 */
export function cleanUpTemporaries(): void {
  for (const path of temporaries) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // Not there yet, or not removable: an interrupted process cannot help it.
    }
  }
  temporaries.clear();
}

/**
 * Names beside `target` that a process left which was killed.
 *
 * @param ending `partial` or `old`.
 */
export async function* abandonedBeside(
  target: string,
  ending: string,
): AsyncGenerator<string> {
  const prefix = `.${basename(target)}.`;
  for await (const { name } of Deno.readDir(dirname(target))) {
    if (!name.startsWith(prefix) || !name.endsWith(`.${ending}`)) continue;
    const mark = name.slice(prefix.length, -ending.length - 1);
    const [, pid] = /^(\d+)-[0-9a-f]{8}$/.exec(mark) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) {
      yield join(dirname(target), name);
    }
  }
}

/** In doubt, as without the permission to ask, a process counts as running. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing, asks whether it could
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound) &&
      errorCode(error) !== "ESRCH";
  }
}

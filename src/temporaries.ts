import { basename, dirname, join } from "@std/path";

/** A file or folder that is written beside its place and then renamed. */
export interface Temporary {
  /** `.NAME.PID-RANDOM.partial`, beside the place. */
  readonly path: string;
  /** Tells that it has been renamed or removed. */
  release(): void;
}

/** Those of this process, which an interrupt removes. */
const temporaries = new Set<string>();

/** How often a name is chosen anew; a second time is rare, a third a fault. */
const MOST_TRIES = 10;

/**
 * Makes an empty file beside `place`, and removes those that killed processes
 * left there. The system drops a lock with the process that holds it, which
 * tells what was left from what is being written.
 */
export function temporaryFile(place: string): Temporary {
  return temporary(
    place,
    (path) => Deno.openSync(path, { write: true, createNew: true }),
  );
}

/** Makes an empty folder beside `place`; else as {@linkcode temporaryFile}. */
export function temporaryFolder(place: string): Temporary {
  return temporary(place, (path) => {
    Deno.mkdirSync(path);
    return openIfPossible(path);
  });
}

function temporary(
  place: string,
  make: (path: string) => Deno.FsFile | undefined,
): Temporary {
  for (const path of besides(place, "partial")) removeIfLeft(path);
  const claimed = claim(
    () => join(dirname(place), `.${basename(place)}.${ownMark()}.partial`),
    make,
  );
  const { path } = claimed;
  temporaries.add(path);
  return {
    path,
    release(): void {
      temporaries.delete(path);
      claimed.file?.close();
      claimed.file = undefined;
    },
  };
}

/**
 * Makes a file or folder and locks it, so that nobody takes it for one that was
 * left. Where the system has no locks, nothing counts as left.
 *
 * @param name Gives another name each time.
 */
export function claim(
  name: () => string,
  make: (path: string) => Deno.FsFile | undefined,
): { path: string; file: Deno.FsFile | undefined } {
  for (let tries = 1;; tries++) {
    const path = name();
    const file = make(path);
    // Between its making and its lock, another process may have taken it.
    if (!file || isOurs(path, file) || tries === MOST_TRIES) {
      return { path, file };
    }
    file.close();
  }
}

function isOurs(path: string, file: Deno.FsFile): boolean {
  try {
    if (!file.tryLockSync(true)) return false;
  } catch {
    return true;
  }
  try {
    return Deno.lstatSync(path).ino === file.statSync().ino;
  } catch {
    return false;
  }
}

/** `PID-RANDOM`: tells one process's temporaries from another's. */
export function ownMark(): string {
  return `${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Paths beside `place` of the form `.NAME.PID-RANDOM.ENDING`. */
export function besides(place: string, ending: "partial" | "old"): string[] {
  const prefix = `.${basename(place)}.`;
  const paths: string[] = [];
  for (const { name } of Deno.readDirSync(dirname(place))) {
    if (
      name.startsWith(prefix) && name.endsWith(`.${ending}`) &&
      /^\d+-[0-9a-f]{8}$/.test(name.slice(prefix.length, -ending.length - 1))
    ) paths.push(join(dirname(place), name));
  }
  return paths;
}

/** Removes a temporary whose process has ended. */
function removeIfLeft(path: string): void {
  const file = openIfPossible(path);
  try {
    if (file?.tryLockSync(true)) removeWhole(path);
  } catch {
    // There are no locks here, or another process was faster.
  } finally {
    file?.close();
  }
}

/** Some systems open no folders. */
function openIfPossible(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch {
    return undefined;
  }
}

/** By one of these files a folder loads as a model. */
const ENTRANCES = ["config.json", "model.json", "ensemble.json"];

/**
 * Removes a file or folder. A folder first loses what it loads by: killed
 * meanwhile, this process leaves no model of which something is missing.
 *
 * @throws The system's error, but none if there is nothing.
 */
export function removeWhole(path: string): void {
  for (const name of ENTRANCES) removeIfThere(join(path, name));
  removeIfThere(path);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (
      !(error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory)
    ) throw error;
  }
}

/**
 * Removes every file and folder that is written beside its place and not yet
 * renamed. To be called when the process is interrupted; it does not wait.
 */
export function cleanUpTemporaries(): void {
  for (const path of temporaries) {
    try {
      removeWhole(path);
    } catch {
      // Not there yet, or not removable: an interrupted process cannot help it.
    }
  }
  temporaries.clear();
}

import { basename, dirname, join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import {
  besides,
  ownMark,
  removeWhole,
  temporaryFolder,
} from "../temporaries.ts";
import { makeFolder } from "../make_folder.ts";
import { cannotWrite, errorCode } from "../reason.ts";
import { checkReplaceable, realPlace } from "./check_replaceable.ts";
import { foreignFiles } from "./foreign_files.ts";
import { syncPath } from "./sync_path.ts";

/** Tells a folder from another one that comes to stand in its place. */
export interface FolderIdentity {
  /** Number of its inode; null where the system has none. */
  readonly inode: number | null;
  /** Number of its device. */
  readonly device: number;
}

/** The identity of the folder at a path. */
function identityOf(path: string): FolderIdentity {
  const { ino, dev } = Deno.statSync(path);
  return { inode: ino, device: dev };
}

/**
 * Does something in a folder, unless another process has put another one in its
 * place; none does meanwhile, where the system has locks.
 *
 * @param work What is done, without a break.
 * @returns Whether it was done.
 */
export function inFolderItself(
  path: string,
  { inode, device }: FolderIdentity,
  work: () => void,
): boolean {
  using _lock = lockedFolder(path);
  try {
    const now = identityOf(path);
    if (now.inode !== inode || now.device !== device) return false;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
  work();
  return true;
}

/** Waits for a lock on a folder, where there is one and locks work. */
function lockedFolder(path: string): Disposable {
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path);
    file.lockSync(true);
  } catch {
    // Nothing to wait for.
  }
  return { [Symbol.dispose]: () => file?.close() };
}

/**
 * Writes a folder beside its place and renames it: nobody sees half of it, and
 * what was there before stays until all is written.
 *
 * @param target The folder. If it exists it must be empty or hold a model;
 * other files in it stay, as {@linkcode checkReplaceable} tells.
 * @param write Fills the folder whose path it is given.
 * @throws {CheckpointError} If `target` may not be replaced or cannot be
 * written; it is then as it was.
 * @returns What tells the folder from one that another process puts there.
 */
export async function replaceFolder(
  target: string,
  write: (temporary: string) => Promise<void>,
): Promise<FolderIdentity> {
  try {
    return await replace(target, write);
  } catch (error) {
    throw cannotWrite(target, error);
  }
}

async function replace(
  target: string,
  write: (temporary: string) => Promise<void>,
): Promise<FolderIdentity> {
  const place = realPlace(target);
  const parent = makeFolder(dirname(place));
  try {
    return await replaceIn(target, place, write);
  } catch (error) {
    parent.takeBack();
    throw error;
  }
}

async function replaceIn(
  target: string,
  place: string,
  write: (temporary: string) => Promise<void>,
): Promise<FolderIdentity> {
  putBack(place);
  checkReplaceable(target, place);

  const { path: temporary, release } = temporaryFolder(place);
  let identity: FolderIdentity;
  try {
    await write(temporary);
    identity = identityOf(temporary);
    syncTree(temporary);
    // Meanwhile somebody may have put something else there.
    checkReplaceable(target, place);
    checkRoom(target, temporary, place);
    swap(temporary, place, release);
  } catch (error) {
    removeWhole(temporary);
    // The reader of the message knows the folder by the name it was to have.
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(error.message.replaceAll(temporary, target), {
      cause: error,
    });
  } finally {
    release();
  }
  syncPath(dirname(place), true);
  return identity;
}

/** Checks that what stays in the folder finds its name free in the new one. */
function checkRoom(target: string, temporary: string, place: string): void {
  if (!exists(place)) return;
  const taken = foreignFiles(place).beside
    .find((name) => exists(join(temporary, name)));
  if (taken === undefined) return;
  throw new CheckpointError(
    `${target} holds ${taken}, in whose place the model has a file of its own, expected another name`,
  );
}

/** How often another process may put its folder there between two renames. */
const MOST_SWAPS = 100;

/**
 * Both renames without a break, so that an interrupt of this process falls
 * before or after them. Of several processes, each with a folder for the same
 * place, the last one wins whole.
 *
 * @param release Gives the lock on `temporary` free, once it has its place.
 */
function swap(temporary: string, place: string, release: () => void): void {
  for (let tries = 1;; tries++) {
    const aside = join(dirname(place), `.${basename(place)}.${ownMark()}.old`);
    const replaces = renameUnlocked(place, aside);
    try {
      Deno.renameSync(temporary, place);
    } catch (error) {
      if (isTaken(error) && tries < MOST_SWAPS) {
        if (replaces) removeModel(aside, place);
        continue;
      }
      if (replaces) Deno.renameSync(aside, place);
      throw error;
    }
    release();
    if (replaces) removeModel(aside, place);
    return;
  }
}

function isTaken(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOTEMPTY" || code === "EEXIST";
}

/**
 * Removes a model that was put aside, once what is beside it is in the folder
 * that has its place now: killed meanwhile, the next run goes on with it.
 */
function removeModel(aside: string, place: string): void {
  for (const name of besideModel(aside)) {
    for (let tries = 1; !moveInto(place, aside, name); tries++) {
      if (tries === MOST_SWAPS) {
        throw new CheckpointError(
          `${
            join(aside, name)
          }: cannot be put back into ${place}, which other processes keep replacing`,
        );
      }
    }
  }
  removeWhole(aside);
}

function besideModel(aside: string): readonly string[] {
  try {
    return foreignFiles(aside).beside;
  } catch (error) {
    // Another process has put it right.
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** @returns False if another process is about to replace the folder. */
function moveInto(place: string, from: string, name: string): boolean {
  try {
    return inFolderItself(place, identityOf(place), () => {
      // One that is there is newer.
      if (!exists(join(place, name))) {
        renameIfThere(join(from, name), join(place, name));
      }
    });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Renames what nobody is working in: see {@linkcode inFolderItself}. */
function renameUnlocked(from: string, to: string): boolean {
  using _lock = lockedFolder(from);
  return renameIfThere(from, to);
}

/** @returns Whether there was something to rename. */
function renameIfThere(from: string, to: string): boolean {
  try {
    Deno.renameSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return false;
  }
}

/** Puts back what a process had put aside that was killed between its renames. */
function putBack(place: string): void {
  for (const path of besides(place, "old")) {
    if (exists(place)) removeModel(path, place);
    else renameIfThere(path, place);
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function syncTree(folder: string): void {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) syncTree(path);
    else if (isFile) syncPath(path, false);
  }
  syncPath(folder, true);
}

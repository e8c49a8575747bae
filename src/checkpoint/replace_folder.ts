import { basename, dirname, join, resolve } from "@std/path";
import { CheckpointError, FusionError } from "../fusion_error.ts";
import { errorCode, reasonOf } from "./reason.ts";
import { syncPath } from "./sync_path.ts";
import {
  abandonedBeside,
  ownMark,
  releaseTemporary,
  temporaryBeside,
} from "./temporaries.ts";

/** A folder that has one of these holds a model, and may be replaced. */
const MODEL_FILES = ["config.json", "merge.json", "model.json"];

/**
 * Writes a folder beside its place and renames it: nobody sees half of it, and
 * what was there before stays until all is written.
 *
 * @param target The folder. If it exists it must be empty or hold a model.
 * @param write Fills the folder whose path it is given.
 * @throws {CheckpointError} If `target` may not be replaced or cannot be
 * written; it is then as it was.
 */
export async function replaceFolder(
  target: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  try {
    await replace(target, write);
  } catch (error) {
    if (error instanceof FusionError || errorCode(error) === undefined) {
      throw error;
    }
    throw new CheckpointError(`cannot write ${target}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

async function replace(
  target: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  let place = resolve(target);
  try {
    // The folder itself, not a link to it, is renamed.
    place = await Deno.realPath(place);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  const parent = dirname(place);
  await Deno.mkdir(parent, { recursive: true });
  await removeAbandoned(place);
  checkReplaceable(target, place);

  const temporary = temporaryBeside(place);
  try {
    await Deno.mkdir(temporary);
    await write(temporary);
    syncTree(temporary);
    // Meanwhile somebody may have put something else there.
    checkReplaceable(target, place);
    swap(temporary, place);
  } catch (error) {
    await removeIfThere(temporary);
    // The reader of the message knows the folder by the name it was to have.
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(error.message.replaceAll(temporary, target), {
      cause: error,
    });
  } finally {
    releaseTemporary(temporary);
  }
  syncPath(parent, true);
}

/** Checks that nothing is lost but a model. */
function checkReplaceable(target: string, place: string): void {
  const refuse = (found: string): never => {
    throw new CheckpointError(
      `${target} ${found}, expected a new name, an empty folder or a model's folder`,
    );
  };
  let status: Deno.FileInfo;
  try {
    status = Deno.lstatSync(place);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  if (!status.isDirectory) refuse("exists and is not a folder");
  const current = Deno.realPathSync(".");
  for (let folder = current;; folder = dirname(folder)) {
    if (folder === place) refuse("is or holds the current folder");
    if (folder === dirname(folder)) break;
  }
  const names = Array.from(Deno.readDirSync(place), ({ name }) => name);
  if (names.includes(".git")) refuse("is a git repository");
  if (
    names.length > 0 && !MODEL_FILES.some((name) => names.includes(name))
  ) {
    refuse(
      "is a folder with other files and no config.json, merge.json or model.json",
    );
  }
}

/**
 * Both renames without a break, so that an interrupt of this process falls
 * before or after them.
 */
function swap(temporary: string, place: string): void {
  const aside = join(dirname(place), `.${basename(place)}.${ownMark()}.old`);
  let replaces = true;
  try {
    Deno.renameSync(place, aside);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    replaces = false;
  }
  try {
    Deno.renameSync(temporary, place);
  } catch (error) {
    if (replaces) Deno.renameSync(aside, place);
    throw error;
  }
  if (replaces) Deno.removeSync(aside, { recursive: true });
}

/** Puts right what a process left that was killed while it wrote `place`. */
async function removeAbandoned(place: string): Promise<void> {
  for await (const path of abandonedBeside(place, "old")) {
    // Killed between the two renames: the old folder belongs back.
    if (exists(place)) await removeIfThere(path);
    else await Deno.rename(path, place);
  }
  for await (const path of abandonedBeside(place, "partial")) {
    await removeIfThere(path);
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

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
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

import { dirname, join, resolve } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { cannotWrite, errorCode } from "../reason.ts";
import { temporaryFile } from "../temporaries.ts";
import { foreignFiles, isOwnModel } from "./foreign_files.ts";

/** A folder that has one of these holds a model, and may be replaced. */
const MODEL_FILES = ["config.json", "merge.json", "model.json"];

/**
 * Checks that a model may have its folder: nothing is lost but a model that was
 * there. What else is in the folder of a model that this project wrote stays
 * there; beside any other model it is in the way.
 *
 * @param target The folder, as the user calls it; it need not exist.
 * @param place Where it is, links followed.
 * @throws {CheckpointError} If it may not be replaced.
 */
export function checkReplaceable(
  target: string,
  place: string = realPlace(target),
): void {
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
  const names = Array.from(Deno.readDirSync(place), ({ name }) => name)
    // Another process may be looking whether it may write here.
    .filter((name) => !/^\..*\.partial$/.test(name));
  if (names.includes(".git")) refuse("is a git repository");
  if (
    names.length > 0 && !MODEL_FILES.some((name) => names.includes(name))
  ) {
    refuse(
      "is a folder with other files and no config.json, merge.json or model.json",
    );
  }
  const { beside: [beside], within } = foreignFiles(place);
  const foreign = within ??
    (beside === undefined || isOwnModel(place) ? undefined : beside);
  if (foreign !== undefined) {
    const isFolder = Deno.lstatSync(join(place, foreign)).isDirectory;
    refuse(
      `holds ${
        isFolder ? "the folder " : ""
      }${foreign}, which is no part of a model and would be lost`,
    );
  }
  checkRemovable(target, place);
}

/**
 * What is in a folder can be removed, once it is replaced, only if files can be
 * made in it.
 */
function checkRemovable(target: string, place: string): void {
  try {
    const probe = temporaryFile(join(place, "probe"));
    probe.release();
    Deno.removeSync(probe.path);
  } catch (error) {
    throw cannotWrite(target, error);
  }
}

/** Where a folder is: itself, not a link to it. */
export function realPlace(target: string): string {
  const place = resolve(target);
  try {
    return Deno.realPathSync(place);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return place;
  }
}

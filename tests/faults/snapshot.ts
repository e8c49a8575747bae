import { createHash } from "node:crypto";
import { basename, dirname, join } from "@std/path";

/** What is below a folder: each file's hash, or where a link leads, by path. */
export type Snapshot = ReadonlyMap<string, string>;

/**
 * Takes a snapshot of a file or folder; undefined if there is nothing.
 *
 * @param leaveOut Names that differ from run to run.
 */
export function snapshot(
  path: string,
  leaveOut = /^$/,
): Snapshot | undefined {
  const found = new Map<string, string>();
  const visit = (place: string, below: string): void => {
    if (leaveOut.test(basename(place))) return;
    const { isDirectory, isSymlink } = Deno.lstatSync(place);
    if (isSymlink) found.set(below, `-> ${Deno.readLinkSync(place)}`);
    else if (isDirectory) {
      found.set(below, "folder");
      for (const { name } of Deno.readDirSync(place)) {
        visit(join(place, name), `${below}/${name}`);
      }
    } else {
      const bytes = Deno.readFileSync(place);
      found.set(below, createHash("sha1").update(bytes).digest("hex"));
    }
  };
  try {
    visit(path, "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && found.size === 0) {
      return undefined;
    }
    throw error;
  }
  return found;
}

/** Paths at which two snapshots differ. */
export function difference(
  a: Snapshot | undefined,
  b: Snapshot | undefined,
): string[] {
  const [one, other] = [a ?? new Map(), b ?? new Map()];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => one.get(path) !== other.get(path));
}

/**
 * Folders below one that load as a model: by `config.json` or `model.json`.
 * A head's folder is part of its model.
 */
export function modelFolders(folder: string): string[] {
  const found: string[] = [];
  const visit = (place: string): void => {
    const entries = [...Deno.readDirSync(place)];
    const loads = entries.some(({ name }) =>
      /^(config|model)\.json$/.test(name)
    );
    if (loads && basename(dirname(place)) !== "heads") found.push(place);
    for (const { name, isDirectory } of entries) {
      if (isDirectory) visit(join(place, name));
    }
  };
  visit(folder);
  return found;
}

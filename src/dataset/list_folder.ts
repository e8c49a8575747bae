import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";

/** What a folder holds, sorted, hidden things left out. */
export interface FoundFolder {
  /** Names of files. */
  readonly files: string[];
  /** Names of folders. */
  readonly folders: string[];
}

/**
 * Lists a folder; links are followed, broken ones left out.
 *
 * @param expected How the error message ends.
 * @throws {DatasetError} If it cannot be listed.
 */
export async function listFolder(
  folder: string,
  expected: string,
): Promise<FoundFolder> {
  const files: string[] = [];
  const folders: string[] = [];
  try {
    for await (
      const { name, isFile, isDirectory, isSymlink } of Deno.readDir(folder)
    ) {
      if (name.startsWith(".")) continue;
      const kind = isSymlink
        ? await statIfThere(join(folder, name))
        : { isFile, isDirectory };
      if (kind?.isFile) files.push(name);
      else if (kind?.isDirectory) folders.push(name);
    }
  } catch (error) {
    const found = error instanceof Deno.errors.NotFound
      ? "no such folder"
      : error instanceof Deno.errors.NotADirectory
      ? "not a folder"
      : (error as Error).message.split("\n")[0];
    throw new DatasetError(`${folder}: ${found}, ${expected}`, {
      cause: error,
    });
  }
  return { files: files.sort(), folders: folders.sort() };
}

const DEEPEST = 5;
const MOST = 200_000;

/**
 * Paths of the files in a folder and its subfolders, with `/`. Beyond some
 * depth and number, which only folders of images have, it stops.
 */
export async function pathsBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  const walk = async (below: string, depth: number): Promise<void> => {
    const { files, folders } = await listFolder(
      join(folder, below),
      "expected a data set",
    );
    for (const name of files) paths.push(below + name);
    for (const name of folders) {
      if (depth < DEEPEST && paths.length < MOST) {
        await walk(`${below}${name}/`, depth + 1);
      }
    }
  };
  await walk("", 0);
  return paths;
}

async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

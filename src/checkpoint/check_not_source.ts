import { basename, dirname, join, resolve } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";

/**
 * Checks that writing a folder takes nothing from what it is made of: the
 * folder is replaced whole, and would take a source along.
 *
 * @param target The folder to be written; it need not exist.
 * @param sources Folders or files that are read meanwhile.
 * @throws {CheckpointError} If the target is a source, or holds or is in one,
 * by whatever path or link.
 */
export async function checkNotSource(
  target: string,
  sources: Iterable<string>,
): Promise<void> {
  const place = await realPlace(target);
  for (const source of sources) {
    const other = await realPlace(source);
    if (holds(place, other) || holds(other, place)) {
      throw new CheckpointError(
        `${target}: would overwrite ${source}, which is read from, expected another folder`,
      );
    }
  }
}

/** Where a path leads, links followed, though its end may not exist yet. */
async function realPlace(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await Deno.realPath(absolute);
  } catch (error) {
    const parent = dirname(absolute);
    if (!(error instanceof Deno.errors.NotFound) || parent === absolute) {
      return absolute;
    }
    return join(await realPlace(parent), basename(absolute));
  }
}

function holds(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.replace(/\/?$/, "/"));
}

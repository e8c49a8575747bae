import { dirname, join, resolve } from "@std/path";
import { ConfigError } from "../fusion_error.ts";

/**
 * Checks that a file can have its place, before much is computed for it.
 * @throws {ConfigError} If the path is a folder's, leads through a file, or to
 * where nothing may be written.
 */
export function checkFilePlace(path: string): void {
  let folder = dirname(resolve(path));
  try {
    if (isFolder(path)) throw notWritten(path, "it is a folder");
    while (isFolder(folder) === undefined) folder = dirname(folder);
    if (!isFolder(folder)) throw notWritten(path, `${folder} is no folder`);
    const probe = join(folder, `.${crypto.randomUUID()}.partial`);
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw notWritten(path, (error as Error).message.split(": ")[0]!);
  }
}

/**
 * Writes a file beside its place and renames it: nobody sees half of it. It
 * does so without a break, so that an interrupt falls before or after it.
 *
 * @throws {ConfigError} If it cannot be written.
 */
export function writeFileWhole(path: string, text: string): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${crypto.randomUUID()}.partial`);
  try {
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(temporary, text);
    Deno.renameSync(temporary, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It was not written in the first place.
    }
    throw notWritten(path, (error as Error).message);
  }
}

function notWritten(path: string, reason: string): ConfigError {
  return new ConfigError(
    `${path}: cannot be written: ${reason}, expected the path of a file`,
  );
}

/** Whether there is a folder; undefined where there is nothing. */
function isFolder(path: string): boolean | undefined {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    // Where a file stands in a folder's place the path itself is none.
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

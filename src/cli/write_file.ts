import { dirname, resolve } from "@std/path";
import { ConfigError } from "../fusion_error.ts";
import { reasonOf } from "../reason.ts";
import { replaceFile } from "../replace_file.ts";

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
 * Writes a file beside its place and renames it: nobody sees half of it.
 *
 * @throws {ConfigError} If it cannot be written.
 */
export function writeFileWhole(path: string, text: string): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    replaceFile(path, text);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw notWritten(path, reasonOf(error));
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

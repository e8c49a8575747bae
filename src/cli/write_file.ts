import { basename, dirname, join, resolve } from "@std/path";
import { ConfigError } from "../fusion_error.ts";
import { reasonOf } from "../reason.ts";
import { replaceFile } from "../replace_file.ts";
import { temporaryFile } from "../temporaries.ts";

/**
 * Checks that a file can have its place, before much is computed for it.
 * @throws {ConfigError} If the path is a folder's, leads through a file, or to
 * where nothing may be written.
 * @throws {Deno.errors.NotCapable} If Deno may not write there.
 */
export function checkFilePlace(path: string): void {
  let folder = dirname(resolve(path));
  const asked = { name: "write", path: folder } as const;
  if (Deno.permissions.requestSync(asked).state !== "granted") {
    throw new Deno.errors.NotCapable(
      `Requires write access to "${folder}", run again with the --allow-write flag`,
    );
  }
  try {
    if (isFolder(path)) throw notWritten(path, "it is a folder");
    while (isFolder(folder) === undefined) folder = dirname(folder);
    if (!isFolder(folder)) throw notWritten(path, `${folder} is no folder`);
    const probe = temporaryFile(join(folder, basename(path)));
    probe.release();
    Deno.removeSync(probe.path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw notWritten(path, reasonOf(error));
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

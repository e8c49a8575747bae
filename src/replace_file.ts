import { resolve } from "@std/path";
import { temporaryFile } from "./temporaries.ts";

/**
 * Writes a file beside its place, waits until it has reached the device, and
 * renames it: nobody sees half of it. It does so without a break, so that an
 * interrupt falls before or after it.
 *
 * @param path The file, in a folder that exists.
 * @param owner The folder that the file is part of: the temporary file stands
 * beside that, so that a killed process leaves nothing in it.
 * @throws The system's error; what was there before is left as it was.
 */
export function replaceFile(
  path: string,
  text: string,
  owner: string = path,
): void {
  const temporary = temporaryFile(resolve(owner));
  try {
    using file = Deno.openSync(temporary.path, { write: true });
    const bytes = new TextEncoder().encode(text);
    for (let from = 0; from < bytes.length;) {
      from += file.writeSync(bytes.subarray(from));
    }
    file.syncSync();
    Deno.renameSync(temporary.path, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary.path);
    } catch {
      // It has its name already, or never came to be.
    }
    throw error;
  } finally {
    temporary.release();
  }
}

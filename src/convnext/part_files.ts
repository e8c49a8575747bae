import { join } from "@std/path";
import { openSafetensors, type SafetensorsFile } from "../checkpoint/mod.ts";

const EXTENSION = ".safetensors";

/**
 * Opens every safetensors file of a folder, by name without extension;
 * undefined if there is no such folder.
 *
 * @throws {CheckpointError} If a file is damaged.
 */
export async function openPartFiles(
  folder: string,
): Promise<Map<string, SafetensorsFile> | undefined> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(EXTENSION)) {
        names.push(name.slice(0, -EXTENSION.length));
      }
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const files = new Map<string, SafetensorsFile>();
  try {
    for (const name of names.sort()) {
      files.set(name, await openSafetensors(partFile(folder, name)));
    }
  } catch (error) {
    for (const file of files.values()) file.close();
    throw error;
  }
  return files;
}

/** The file of a name in such a folder. */
export function partFile(folder: string, name: string): string {
  return join(folder, name + EXTENSION);
}

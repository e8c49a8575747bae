import { closeSync, fsyncSync, openSync } from "node:fs";

/**
 * Waits until a file, or a folder's list of names, has reached the device.
 * Systems that cannot do so for a folder are let go on.
 */
export function syncPath(path: string, isFolder: boolean): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    fsyncSync(descriptor);
  } catch (error) {
    if (!isFolder) throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

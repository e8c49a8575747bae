import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";

/**
 * A path that a data set names, checked.
 *
 * @param where What error messages call the place.
 * @throws {DatasetError} If it leads out of the data set, or no sane file is
 * called so.
 */
export function checkPath(path: string, where: string): string {
  const fault = /\p{Cc}/u.test(path)
    ? "has control characters"
    : path === "" || /^([/\\]|[a-z]:)/i.test(path) ||
        path.split(/[/\\]/).includes("..")
    ? "leads out of the data set"
    : undefined;
  if (fault === undefined) return path;
  throw new DatasetError(
    `${where}: path ${
      JSON.stringify(path.slice(0, 200))
    } ${fault}, expected one within it`,
  );
}

/**
 * A path that a data set names, in its folder.
 *
 * @param where What error messages call the place.
 * @throws {DatasetError} If it leads out of the folder.
 */
export function safeJoin(folder: string, path: string, where: string): string {
  return join(folder, checkPath(path, where));
}

import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";

/** Whether a path that a data set names stays within the data set. */
export function staysWithin(path: string): boolean {
  return path !== "" && !/^([/\\]|[a-z]:)|[\0]/i.test(path) &&
    !path.split(/[/\\]/).includes("..");
}

/**
 * A path that a data set names, in its folder.
 *
 * @param where What error messages call the place.
 * @throws {DatasetError} If it leads out of the folder.
 */
export function safeJoin(folder: string, path: string, where: string): string {
  if (staysWithin(path)) return join(folder, path);
  throw new DatasetError(
    `${where}: path ${
      JSON.stringify(path.slice(0, 200))
    } leads out of the data set, expected one within ${folder}`,
  );
}

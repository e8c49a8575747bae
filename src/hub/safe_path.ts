/**
 * Whether a file name of a repository stays within the folder it is put in, on
 * every system: relative, no `..`, no drive, no backslash, nothing unprintable.
 */
export function isSafePath(path: unknown): path is string {
  return typeof path === "string" && path.length <= 1024 &&
    // deno-lint-ignore no-control-regex
    !/[\\\x00-\x1f\x7f]/.test(path) &&
    path.split("/").every((part) =>
      part !== "" && part !== "." && part !== ".." && !/^[a-z]:/i.test(part)
    );
}

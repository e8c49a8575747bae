const REASONS: Record<string, string> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EISDIR: "it is a folder, expected a file",
  ENOTDIR: "part of the path is not a folder",
  EMFILE: "too many files are open",
  EFBIG: "the file system does not take files of this size",
  EXDEV: "it lies on another file system",
  EBUSY: "it is in use",
  EIO: "the device reports an input/output error",
};

/** Error code of a failed system call, as `ENOENT`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  const code = (error as { code?: unknown } | undefined)?.code;
  // Not `ERR_INVALID_ARG_TYPE` and the like, which tell of mistakes in code.
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code)
    ? code
    : undefined;
}

/** Why a system call failed, in a few words for the end of a one-line message. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error);
  const reason = code === undefined ? undefined : REASONS[code];
  if (reason !== undefined) return reason;
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0]!;
}

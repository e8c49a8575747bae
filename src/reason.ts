import { CheckpointError, FusionError } from "./fusion_error.ts";

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
  EEXIST: "part of the path is not a folder",
  EIO: "the device reports an input/output error",
};

/** Error code of a failed system call, as `ENOENT`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  const { code, message } = (error ?? {}) as {
    code?: string;
    message?: string;
  };
  // Deno gives no code for this one; Linux, macOS and BSD have the same number.
  if (message?.includes("(os error 27)")) return "EFBIG";
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

/** Says that a file or folder cannot be written; a FusionError stays as it is. */
export function cannotWrite(path: string, error: unknown): unknown {
  if (
    error instanceof FusionError || errorCode(error) === undefined ||
    error instanceof Deno.errors.NotCapable
  ) return error;
  return new CheckpointError(`cannot write ${path}: ${reasonOf(error)}`, {
    cause: error,
  });
}

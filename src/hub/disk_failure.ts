import { HubError } from "./hub_error.ts";

const REASONS: Record<string, string> = {
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EFBIG: "the file system does not take files of this size",
  EIO: "the device reports an input/output error",
  ENOTDIR: "part of the path is not a folder",
  EEXIST: "part of the path is not a folder",
};

/** Runs what writes to the cache; its failure becomes one line. */
export async function writing<T>(
  name: string,
  path: string,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw diskFailure(name, path, error);
  }
}

/** Says why the cache cannot be written; other errors stay as they are. */
export function diskFailure(
  name: string,
  path: string,
  error: unknown,
): unknown {
  const code = (error as { code?: unknown } | undefined)?.code;
  const reason = typeof code === "string" ? REASONS[code] : undefined;
  if (reason === undefined || error instanceof Deno.errors.NotCapable) {
    return error;
  }
  return new HubError(
    "disk",
    `${name}: cannot write ${path}: ${reason}; make room, or set HF_HOME to another folder`,
    { cause: error },
  );
}

import { errorCode, reasonOf } from "../reason.ts";
import { HubError } from "./hub_error.ts";

/** What a cache may meet that no retry helps. */
const DISK = new Set(
  "ENOSPC EDQUOT EROFS EACCES EPERM EFBIG EIO ENOTDIR EEXIST".split(" "),
);

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
  const code = errorCode(error);
  if (
    code === undefined || !DISK.has(code) ||
    error instanceof Deno.errors.NotCapable
  ) return error;
  return new HubError(
    "disk",
    `${name}: cannot write ${path}: ${
      reasonOf(error)
    }; make room, or set HF_HOME to another folder`,
    { cause: error },
  );
}

import { cannotWrite } from "../reason.ts";

/** A file that only grows. */
export interface AppendedFile {
  /** Bytes in it. */
  readonly length: number;
  /** Writes at its end. */
  append(bytes: Uint8Array): void;
  /** Waits until all has reached the device. */
  sync(): void;
  /** Closes it. */
  close(): void;
}

/**
 * Opens a file to append to. What a run that was stopped wrote after its last
 * checkpoint is cut off: it is going to be written again.
 *
 * @param path The file; made if it is missing, and removed again if not even its
 * beginning can be written.
 * @param length Bytes to keep of what is there.
 * @param beginning What it begins with.
 */
export function appendedFile(
  path: string,
  length: number,
  beginning: Uint8Array,
): AppendedFile {
  const writing = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw cannotWrite(path, error);
    }
  };
  const file = writing(() =>
    Deno.openSync(path, { create: true, write: true })
  );
  let end = Math.min(length, file.statSync().size);
  writing(() => file.truncateSync(end));
  file.seekSync(end, Deno.SeekMode.Start);
  const append = (bytes: Uint8Array): void => {
    for (let from = 0; from < bytes.length;) {
      from += writing(() => file.writeSync(bytes.subarray(from)));
    }
    end += bytes.length;
  };
  if (end === 0) {
    try {
      append(beginning);
    } catch (error) {
      file.close();
      Deno.removeSync(path);
      throw error;
    }
  }
  return {
    get length(): number {
      return end;
    },
    append,
    sync: () => writing(() => file.syncDataSync()),
    close: () => file.close(),
  };
}

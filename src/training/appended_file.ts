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
 * @param path The file; made if it is missing.
 * @param length Bytes to keep of what is there.
 */
export function appendedFile(path: string, length: number): AppendedFile {
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
  return {
    get length(): number {
      return end;
    },
    append(bytes: Uint8Array): void {
      for (let from = 0; from < bytes.length;) {
        from += writing(() => file.writeSync(bytes.subarray(from)));
      }
      end += bytes.length;
    },
    sync: () => writing(() => file.syncDataSync()),
    close: () => file.close(),
  };
}

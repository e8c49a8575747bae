import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  read,
  readSync,
  write,
} from "node:fs";

/** One system call moves at most this many bytes; Linux stops at 2 GiB. */
const LARGEST_TRANSFER = 1 << 30;

/** Whether this thread reads by itself; see {@linkcode readInThisThread}. */
let readsInThisThread = false;

/**
 * From now on, this thread reads files by itself instead of asking Deno's
 * threads to. For a thread that has nothing else to do meanwhile: handing a
 * read to another takes longer than the read where the file is cached.
 */
export function readInThisThread(): void {
  readsInThisThread = true;
}

/** What `read` and `write` of `node:fs` have in common. */
type Transfer = (
  descriptor: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
  done: (error: Error | null, count: number) => void,
) => void;

/**
 * A file read and written by position. `Deno.FsFile` has one cursor for all
 * readers; `node:fs` takes the position with the call, so that any number of
 * reads and writes can be under way at once.
 */
export class BinaryFile {
  readonly #descriptor: number;
  #pending = 0;
  #closed = false;

  /**
   * @param path The file.
   * @param flags `r` to read, `r+` to write a file that exists.
   * @throws The system's error.
   */
  constructor(path: string, flags: "r" | "r+") {
    // A pipe would be waited for, and with it everything else.
    this.#descriptor = flags === "r"
      ? openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
      : openSync(path, flags);
  }

  /** Length in bytes; undefined if it is no regular file. */
  get size(): number | undefined {
    const status = fstatSync(this.#descriptor);
    return status.isFile() ? status.size : undefined;
  }

  /** Sets the length in bytes. */
  truncate(size: number): void {
    ftruncateSync(this.#descriptor, size);
  }

  /**
   * Fills `bytes` from a position.
   * @returns How many bytes there were: fewer only at the file's end.
   */
  async read(bytes: Uint8Array, position: number): Promise<number> {
    return await this.#transfer(
      readsInThisThread ? readNow : read,
      bytes,
      position,
    );
  }

  /** Writes all of `bytes` at a position. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    const { length } = bytes;
    const written = await this.#transfer(write, bytes, position);
    if (written < length) throw new Error("the file takes no more bytes");
  }

  /** Waits until what was written has reached the device. */
  async sync(): Promise<void> {
    await this.#use(() =>
      new Promise<void>((resolve, reject) =>
        fsync(this.#descriptor, (error) => error ? reject(error) : resolve())
      )
    );
  }

  /**
   * Closes the file, once what is under way has ended: a descriptor that is
   * closed too early may by then belong to another file.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pending === 0) this.#release();
  }

  async #transfer(
    operation: Transfer,
    bytes: Uint8Array,
    position: number,
  ): Promise<number> {
    return await this.#use(async () => {
      let done = 0;
      const total = bytes.length; // 0 later, if a module's memory grows
      while (done < total) {
        const length = Math.min(total - done, LARGEST_TRANSFER);
        const moved = await new Promise<number>((resolve, reject) =>
          operation(
            this.#descriptor,
            bytes,
            done,
            length,
            position + done,
            (error, count) => error ? reject(error) : resolve(count),
          )
        );
        if (moved === 0) break;
        done += moved;
      }
      return done;
    });
  }

  async #use<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error("the file is closed");
    this.#pending++;
    try {
      return await operation();
    } finally {
      this.#pending--;
      if (this.#closed && this.#pending === 0) this.#release();
    }
  }

  #release(): void {
    closeSync(this.#descriptor);
  }
}

const readNow: Transfer = (
  descriptor,
  bytes,
  offset,
  length,
  position,
  done,
) => {
  try {
    done(null, readSync(descriptor, bytes, offset, length, position));
  } catch (error) {
    done(error as Error, 0);
  }
};

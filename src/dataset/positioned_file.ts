import { closeSync, fstatSync, openSync, read } from "node:fs";
import { DatasetError } from "../fusion_error.ts";

/**
 * A file read by position, so that any number of readers can share it.
 * Opened for one piece of work at a time with {@linkcode withFile}.
 */
export class PositionedFile {
  /** Length in bytes. */
  readonly size: number;
  readonly #descriptor: number;

  /**
   * Opens the file.
   * @throws {DatasetError} If it cannot be read or is no regular file.
   */
  constructor(readonly path: string) {
    try {
      this.#descriptor = openSync(path, "r");
    } catch (error) {
      const missing = (error as { code?: string }).code === "ENOENT" ||
        error instanceof Deno.errors.NotFound;
      throw new DatasetError(
        `${path}: ${
          missing ? "not found" : (error as Error).message.split("\n")[0]
        }, expected a file`,
        { cause: error },
      );
    }
    const status = fstatSync(this.#descriptor);
    if (!status.isFile()) {
      this.close();
      throw new DatasetError(`${path}: not a file, expected one`);
    }
    this.size = status.size;
  }

  /**
   * Reads bytes [begin, end).
   * @throws {DatasetError} If the file does not have them.
   */
  async read(begin: number, end: number): Promise<Uint8Array> {
    if (!(begin >= 0 && begin <= end && end <= this.size)) {
      throw new DatasetError(
        `${this.path}: ${this.size} bytes, expected bytes ${begin} to ${end}`,
      );
    }
    const bytes = new Uint8Array(end - begin);
    for (let done = 0; done < bytes.length;) {
      const count = await new Promise<number>((resolve, reject) =>
        read(
          this.#descriptor,
          bytes,
          done,
          bytes.length - done,
          begin + done,
          (error, count) => error ? reject(error) : resolve(count),
        )
      );
      if (count === 0) {
        throw new DatasetError(
          `${this.path}: ends at byte ${begin + done}, expected ${end} bytes`,
        );
      }
      done += count;
    }
    return bytes;
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Opens a file, works with it, closes it. */
export async function withFile<Result>(
  path: string,
  work: (file: PositionedFile) => Promise<Result>,
): Promise<Result> {
  const file = new PositionedFile(path);
  try {
    return await work(file);
  } finally {
    file.close();
  }
}

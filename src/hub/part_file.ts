import { basename, dirname, join } from "@std/path";
import { claim, ownMark } from "../temporaries.ts";
import type { ContentHash } from "./content_hash.ts";

const BLOCK_BYTES = 1 << 20;

/**
 * The part of a content that has been downloaded, beside its place in `blobs`:
 * `ETAG.PID-RANDOM.incomplete`. As `huggingface_hub`, every download writes to a
 * file of its own and renames it, so that two processes cannot spoil it. A file
 * that a killed process left is taken over and continued; a lock, which the
 * system drops with the process, tells that from one that is being written.
 */
export class PartFile {
  /** Bytes that are there. */
  length: number;
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, length: number) {
    this.#path = path;
    this.#file = file;
    this.length = length;
  }

  /** Takes over what is left of an earlier download, or begins a new file. */
  static async open(blob: string): Promise<PartFile> {
    await Deno.mkdir(dirname(blob), { recursive: true });
    const left: PartFile[] = [];
    for await (const { name } of Deno.readDir(dirname(blob))) {
      if (isPartOf(name, blob)) {
        const part = await PartFile.#takeOver(join(dirname(blob), name));
        if (part) left.push(part);
      }
    }
    left.sort((a, b) => b.length - a.length);
    for (const part of left.slice(1)) await part.remove();
    if (left[0]) return left[0];
    const { path, file } = claim(
      () => `${blob}.${ownMark()}.incomplete`,
      (path) =>
        Deno.openSync(path, { read: true, write: true, createNew: true }),
    );
    return new PartFile(path, file!, 0);
  }

  static async #takeOver(path: string): Promise<PartFile | undefined> {
    let file: Deno.FsFile | undefined;
    try {
      file = await Deno.open(path, { read: true, write: true });
      // Whoever held the lock before may have renamed the file meanwhile.
      if (
        await file.tryLock(true) &&
        (await Deno.lstat(path)).ino === (await file.stat()).ino
      ) {
        return new PartFile(path, file, (await file.stat()).size);
      }
    } catch {
      // Gone, or locks do not work here: not ours.
    }
    file?.close();
    return undefined;
  }

  /** Hashes what is there. */
  async hashInto(hash: ContentHash): Promise<void> {
    const block = new Uint8Array(BLOCK_BYTES);
    await this.#file.seek(0, Deno.SeekMode.Start);
    for (let left = this.length; left > 0;) {
      const count = await this.#file.read(
        block.subarray(0, Math.min(left, block.length)),
      );
      if (count === null) throw new Deno.errors.UnexpectedEof(this.#path);
      hash.update(block.subarray(0, count));
      left -= count;
    }
  }

  /** Adds bytes at the end. */
  async append(bytes: Uint8Array): Promise<void> {
    await this.#file.seek(this.length, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) {
      done += await this.#file.write(bytes.subarray(done));
    }
    this.length += bytes.length;
  }

  /** Throws away what is there. */
  async clear(): Promise<void> {
    await this.#file.truncate(0);
    this.length = 0;
  }

  /** Puts the file in its place, once it has reached the device. */
  async moveTo(blob: string): Promise<void> {
    await this.#file.sync();
    await Deno.rename(this.#path, blob);
    this.#file.close();
  }

  /** Keeps what is there for the next attempt. */
  async leave(): Promise<void> {
    if (this.length === 0) await this.remove();
    else this.#file.close();
  }

  /** Removes the file. */
  async remove(): Promise<void> {
    this.#file.close();
    await Deno.remove(this.#path).catch(() => {});
  }
}

function isPartOf(name: string, blob: string): boolean {
  const prefix = `${basename(blob)}.`;
  return name.startsWith(prefix) &&
    /^\d+-[0-9a-f]{8}\.incomplete$/.test(name.slice(prefix.length));
}

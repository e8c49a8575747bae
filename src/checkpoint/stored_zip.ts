import { crc32 } from "node:zlib";
import { CheckpointError } from "../fusion_error.ts";
import type { BinaryFile } from "./binary_file.ts";

/** A zip file without its 64-bit extension ends here. */
const MOST_BYTES = 2 ** 32 - 1;

/** PyTorch maps elements into memory, and wants them at multiples of this. */
const ALIGNMENT = 64;

/** `FB`, PyTorch's own mark for what fills up to the alignment. */
const PADDING_ID = 0x4246;

const LOCAL_BYTES = 30;
const DIRECTORY_BYTES = 46;
const END_BYTES = 22;

interface Entry {
  readonly name: Uint8Array;
  readonly position: number;
  readonly size: number;
  readonly crc: number;
}

/**
 * Writes a zip file of uncompressed entries, one after the other, as `torch.save`
 * lays it out.
 */
export class StoredZip {
  readonly #path: string;
  readonly #file: BinaryFile;
  readonly #entries: Entry[] = [];
  #end = 0;

  /** @param path What messages call the file. */
  constructor(path: string, file: BinaryFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Adds an entry.
   *
   * @param name Its path in the file.
   * @param chunks Its bytes, in parts.
   * @throws {CheckpointError} If the file would be too long.
   */
  async add(
    name: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    const position = this.#end;
    const nameBytes = new TextEncoder().encode(name);
    const begin = position + LOCAL_BYTES + nameBytes.length;
    const extra = paddingOf(begin);
    let at = begin + extra.length;
    let crc = 0;
    let size = 0;
    for await (const chunk of chunks) {
      this.#check(at + chunk.length);
      await this.#file.write(chunk, at);
      crc = crc32(chunk, crc);
      at += chunk.length;
      size += chunk.length;
    }
    const entry = { name: nameBytes, position, size, crc };
    const header = new Uint8Array(begin + extra.length - position);
    const view = new DataView(header.buffer);
    view.setUint32(0, 0x04034b50, true);
    describe(view, 4, entry);
    view.setUint16(28, extra.length, true);
    header.set(nameBytes, LOCAL_BYTES);
    header.set(extra, LOCAL_BYTES + nameBytes.length);
    await this.#file.write(header, position);
    this.#entries.push(entry);
    this.#end = at;
  }

  /** Writes the directory. */
  async finish(): Promise<void> {
    const begin = this.#end;
    for (const entry of this.#entries) {
      const bytes = new Uint8Array(DIRECTORY_BYTES + entry.name.length);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, 0x02014b50, true);
      describe(view, 6, entry);
      view.setUint32(42, entry.position, true);
      bytes.set(entry.name, DIRECTORY_BYTES);
      await this.#append(bytes);
    }
    const end = new DataView(new ArrayBuffer(END_BYTES));
    const length = this.#end - begin;
    end.setUint32(0, 0x06054b50, true);
    end.setUint16(8, this.#entries.length, true);
    end.setUint16(10, this.#entries.length, true);
    end.setUint32(12, length, true);
    end.setUint32(16, begin, true);
    await this.#append(new Uint8Array(end.buffer));
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#check(this.#end + bytes.length);
    await this.#file.write(bytes, this.#end);
    this.#end += bytes.length;
  }

  #check(bytes: number): void {
    if (bytes <= MOST_BYTES && this.#entries.length < 2 ** 16 - 1) return;
    throw new CheckpointError(
      `${this.#path}: it would have more than ${MOST_BYTES} bytes or ${
        2 ** 16 - 1
      } entries, which no zip file takes; write safetensors instead`,
    );
  }
}

/** What local header and directory have in common, from the version on. */
function describe(
  view: DataView,
  at: number,
  { name, size, crc }: Entry,
): void {
  view.setUint16(at, 20, true); // the version that is needed to read it
  view.setUint16(at + 2, 0x800, true); // names are UTF-8
  view.setUint32(at + 6, 0, true); // no time: equal models make equal files
  view.setUint16(at + 8, 0x21, true); // 1 January 1980, the first day there is
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name.length, true);
}

/** An extra field after which the data begins at a multiple of 64. */
function paddingOf(begin: number): Uint8Array {
  const head = 4;
  const padding = (ALIGNMENT - (begin + head) % ALIGNMENT) % ALIGNMENT;
  const extra = new Uint8Array(head + padding);
  const view = new DataView(extra.buffer);
  view.setUint16(0, PADDING_ID, true);
  view.setUint16(2, padding, true);
  return extra;
}

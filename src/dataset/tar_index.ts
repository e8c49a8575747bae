import { DatasetError } from "../fusion_error.ts";
import type { PositionedFile } from "./positioned_file.ts";
import { checkPath } from "./safe_join.ts";

/** A file in a tar archive. */
export interface TarEntry {
  /** Its path. */
  readonly name: string;
  /** First byte of its content in the archive. */
  readonly begin: number;
  /** The byte after its content. */
  readonly end: number;
}

const BLOCK = 512;
const LONGEST_NAME = 2 ** 16;

/** Reads blocks that mostly follow each other, many at a time. */
class Window {
  #begin = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(readonly file: PositionedFile, readonly size: number) {}

  /** Bytes [begin, end), of less than a window. */
  async read(begin: number, end: number): Promise<Uint8Array> {
    if (begin < this.#begin || end > this.#begin + this.#bytes.length) {
      const { file, size } = this;
      const last = Math.min(Math.max(begin + size, end), file.size);
      this.#bytes = await file.read(begin, Math.max(last, end));
      this.#begin = begin;
    }
    return this.#bytes.subarray(begin - this.#begin, end - this.#begin);
  }
}

/**
 * The files of a tar archive (ustar, GNU's and pax's long names), in order.
 * Contents are skipped; nothing is ever written by an archive's names.
 *
 * @throws {DatasetError} If the archive is damaged or cut off, has links, or a
 * name that leads out of it.
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 */
export async function* tarEntries(
  file: PositionedFile,
): AsyncGenerator<TarEntry & { read(): Promise<Uint8Array> }> {
  const window = new Window(file, 64 * BLOCK);
  let longName: string | undefined;
  let longSize: number | undefined;
  for (let offset = 0; offset < file.size;) {
    const where = `${file.path}: header at byte ${offset}`;
    if (offset + BLOCK > file.size) {
      throw new DatasetError(`${where}: cut off, expected ${BLOCK} bytes`);
    }
    const header = await window.read(offset, offset + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    checkSum(header, where);
    const type = String.fromCharCode(header[156]!);
    const size = type === "x" || type === "L" || type === "g"
      ? number(header.subarray(124, 136), where)
      : longSize ?? number(header.subarray(124, 136), where);
    const begin = offset + BLOCK;
    const end = begin + size;
    if (end > file.size) {
      throw new DatasetError(
        `${where}: content up to byte ${end}, expected at most the archive's ${file.size}`,
      );
    }
    offset = begin + Math.ceil(size / BLOCK) * BLOCK;
    if (type === "x" || type === "L") {
      if (size > LONGEST_NAME) {
        throw new DatasetError(
          `${where}: name of ${size} bytes, expected ${LONGEST_NAME} at most`,
        );
      }
      const bytes = await window.read(begin, end);
      if (type === "L") longName = text(bytes);
      else {
        const records = paxRecords(bytes);
        longName = records.get("path") ?? longName;
        const value = records.get("size");
        if (value !== undefined) longSize = Number(value);
      }
      if (longSize === undefined || Number.isSafeInteger(longSize)) continue;
      throw new DatasetError(`${where}: size ${longSize}, expected a number`);
    }
    const name = longName ?? nameOf(header);
    longName = longSize = undefined;
    if (type === "g" || type === "5") continue;
    if (type !== "0" && type !== "\0" && type !== "7") {
      throw new DatasetError(
        `${where}: ${JSON.stringify(name.slice(0, 200))} is ${
          type === "1" || type === "2"
            ? "a link"
            : `of type ${JSON.stringify(type)}`
        }, expected files only`,
      );
    }
    const within = checkPath(name.replace(/^(\.\/)+/, ""), where);
    yield { name: within, begin, end, read: () => window.read(begin, end) };
  }
}

function checkSum(header: Uint8Array, where: string): void {
  let sum = 8 * 32;
  header.forEach((byte, i) => sum += i >= 148 && i < 156 ? 0 : byte);
  const stored = number(header.subarray(148, 156), where);
  if (stored === sum) return;
  throw new DatasetError(
    `${where}: checksum is ${sum}, expected ${stored} as a tar archive's header says`,
  );
}

/** Octal digits, or GNU's big-endian bytes after a first one of 0x80. */
function number(field: Uint8Array, where: string): number {
  let value: number;
  if (field[0] === 0x80) {
    value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  } else {
    const digits = text(field).trim();
    value = /^[0-7]*$/.test(digits) ? parseInt(digits || "0", 8) : NaN;
  }
  if (Number.isSafeInteger(value)) return value;
  throw new DatasetError(
    `${where}: ${
      JSON.stringify(text(field).slice(0, 12))
    } where a tar archive has a number`,
  );
}

function nameOf(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const prefix = text(header.subarray(257, 263)).startsWith("ustar") &&
      header[262] === 0
    ? text(header.subarray(345, 500))
    : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let offset = 0; offset < bytes.length;) {
    const space = bytes.indexOf(32, offset);
    const length = Number(
      text(bytes.subarray(offset, Math.max(space, offset))),
    );
    if (space < 0 || !(length > space - offset)) break;
    const record = text(bytes.subarray(space + 1, offset + length - 1));
    const at = record.indexOf("=");
    if (at > 0) records.set(record.slice(0, at), record.slice(at + 1));
    offset += length;
  }
  return records;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

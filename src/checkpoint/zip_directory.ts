import { CheckpointError } from "../fusion_error.ts";
import type { BinaryFile } from "./binary_file.ts";
import { shown } from "./shown.ts";

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const END64_LOCATOR_SIGNATURE = 0x07064b50;
const END64_LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
/** Largest directory that is read; a large model's has some hundred kB. */
const LARGEST_DIRECTORY = 1 << 26;

/** A file within a zip file, stored without compression. */
export interface ZipEntry {
  /** First byte of its content, from the zip file's begin. */
  readonly position: number;
  /** Length in bytes. */
  readonly size: number;
}

interface DirectoryEntry {
  name: string;
  headerPosition: number;
  size: number;
}

/**
 * Reads which files a zip file has, and where. Compressed and encrypted files
 * are refused: tensors are read by range, and nothing can blow up.
 *
 * @param path What error messages call the file.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 * @throws {CheckpointError} If the directory is damaged, or two files share
 * bytes or a name.
 */
export async function readZipDirectory(
  path: string,
  file: BinaryFile,
  fileSize: number,
): Promise<Map<string, ZipEntry>> {
  const fail = (problem: string): never => {
    throw new CheckpointError(`${path} is no sound zip file: ${problem}`);
  };
  const read = async (position: number, length: number): Promise<DataView> => {
    if (position < 0 || position + length > fileSize) {
      fail(
        `it points to bytes ${position} to ${
          position + length
        }, the file has ${fileSize}`,
      );
    }
    const bytes = new Uint8Array(length);
    if (await file.read(bytes, position) < length) fail("it became shorter");
    return new DataView(bytes.buffer);
  };
  const directory = await findDirectory(fileSize, read, fail);
  const view = await read(directory.position, directory.size);
  const listed = parseDirectory(view, directory.count, fail);

  listed.sort((a, b) => a.headerPosition - b.headerPosition);
  const entries = new Map<string, ZipEntry>();
  let end = 0;
  for (const { name, headerPosition, size } of listed) {
    if (headerPosition < end) {
      fail(`${shown(name)} overlaps the file before it`);
    }
    const header = await read(headerPosition, LOCAL_BYTES);
    if (header.getUint32(0, true) !== LOCAL_SIGNATURE) {
      fail(`${shown(name)} has no header at byte ${headerPosition}`);
    }
    const position = headerPosition + LOCAL_BYTES +
      header.getUint16(26, true) + header.getUint16(28, true);
    end = position + size;
    if (end > directory.position) {
      fail(
        `${
          shown(name)
        } ends at byte ${end}, after the files' end at ${directory.position}`,
      );
    }
    if (entries.has(name)) fail(`it has ${shown(name)} twice`);
    entries.set(name, { position, size });
  }
  return entries;
}

type Read = (position: number, length: number) => Promise<DataView>;
type Fail = (problem: string) => never;

interface Directory {
  position: number;
  size: number;
  count: number;
}

async function findDirectory(
  fileSize: number,
  read: Read,
  fail: Fail,
): Promise<Directory> {
  const length = Math.min(fileSize, END_BYTES + LONGEST_COMMENT);
  const begin = fileSize - length;
  const tail = await read(begin, length);
  let at = length - END_BYTES;
  while (
    at >= 0 && !(tail.getUint32(at, true) === END_SIGNATURE &&
      at + END_BYTES + tail.getUint16(at + 20, true) === length)
  ) at--;
  if (at < 0) return fail("its directory is missing, it may be cut off");
  let directory: Directory = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    position: tail.getUint32(at + 16, true),
  };
  // PyTorch writes a zip64 directory for any file.
  const locatorPosition = begin + at - END64_LOCATOR_BYTES;
  const locator = locatorPosition < 0
    ? undefined
    : await read(locatorPosition, END64_LOCATOR_BYTES);
  if (locator?.getUint32(0, true) === END64_LOCATOR_SIGNATURE) {
    const end = await read(uint64(locator, 8), END64_BYTES);
    if (end.getUint32(0, true) !== END64_SIGNATURE) {
      fail("its zip64 directory is missing");
    }
    directory = {
      count: uint64(end, 32),
      size: uint64(end, 40),
      position: uint64(end, 48),
    };
  }
  if (directory.size > LARGEST_DIRECTORY) {
    fail(
      `its directory has ${directory.size} bytes, expected at most ${LARGEST_DIRECTORY}`,
    );
  }
  if (directory.position + directory.size > begin + at) {
    fail("its directory reaches beyond the file's end");
  }
  return directory;
}

function parseDirectory(
  view: DataView,
  count: number,
  fail: Fail,
): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  let at = 0;
  while (at < view.byteLength) {
    if (
      at + ENTRY_BYTES > view.byteLength ||
      view.getUint32(at, true) !== ENTRY_SIGNATURE
    ) fail(`entry ${entries.length} of its directory is damaged`);
    const nameEnd = at + ENTRY_BYTES + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const end = extraEnd + view.getUint16(at + 32, true);
    if (end > view.byteLength) {
      fail(`entry ${entries.length} of its directory is cut off`);
    }
    const name = new TextDecoder().decode(
      new Uint8Array(view.buffer, at + ENTRY_BYTES, nameEnd - at - ENTRY_BYTES),
    );
    const sizes = entrySizes(view, at, nameEnd, extraEnd);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    if (method !== 0 || (flags & 1) !== 0 || sizes.stored !== sizes.size) {
      fail(
        `${shown(name)} is compressed or encrypted, expected it as it is`,
      );
    }
    entries.push({
      name,
      headerPosition: sizes.headerPosition,
      size: sizes.size,
    });
    at = end;
  }
  if (entries.length !== count) {
    fail(`its directory has ${entries.length} files, said to be ${count}`);
  }
  return entries;
}

/** Sizes and place, from the zip64 field where the old ones are too small. */
function entrySizes(
  view: DataView,
  at: number,
  extraBegin: number,
  extraEnd: number,
): { size: number; stored: number; headerPosition: number } {
  const values = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  for (let field = extraBegin; field + 4 <= extraEnd;) {
    const end = field + 4 + view.getUint16(field + 2, true);
    if (view.getUint16(field, true) === 1 && end <= extraEnd) {
      let next = field + 4;
      for (const [i, value] of values.entries()) {
        if (value !== 0xffffffff || next + 8 > end) continue;
        values[i] = uint64(view, next);
        next += 8;
      }
    }
    field = end;
  }
  const [size, stored, headerPosition] = values as [number, number, number];
  return { size, stored, headerPosition };
}

function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

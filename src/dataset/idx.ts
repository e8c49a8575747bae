import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import {
  checkIndex,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
import { withFile } from "./positioned_file.ts";
import { reason } from "./reason.ts";

/** Numbers of an IDX file. */
export interface IdxArray {
  /** Size of each dimension. */
  readonly shape: readonly number[];
  /** The numbers, row-major. */
  readonly data: Uint8Array | Int8Array | Int16Array | Int32Array;
}

interface ElementType {
  bytes: number;
  read(view: DataView, count: number): IdxArray["data"];
}

const TYPES: Readonly<Record<number, ElementType>> = {
  0x08: {
    bytes: 1,
    read: (view, n) => new Uint8Array(view.buffer, view.byteOffset, n),
  },
  0x09: {
    bytes: 1,
    read: (view, n) => new Int8Array(view.buffer, view.byteOffset, n),
  },
  0x0b: {
    bytes: 2,
    read: (view, n) =>
      Int16Array.from({ length: n }, (_, i) => view.getInt16(2 * i)),
  },
  0x0c: {
    bytes: 4,
    read: (view, n) =>
      Int32Array.from({ length: n }, (_, i) => view.getInt32(4 * i)),
  },
};

/**
 * Reads an IDX file's bytes: big-endian, two zero bytes, element type, rank,
 * sizes, elements.
 *
 * @param bytes The file, not compressed.
 * @param source Its path, for error messages.
 * @throws {DatasetError} If the header is none, or the length is not what it
 * says.
 * @see http://yann.lecun.com/exdb/mnist/
 */
export function parseIdx(bytes: Uint8Array, source: string): IdxArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0) {
    throw new DatasetError(
      `${source}: begins with ${
        hexadecimal(bytes.subarray(0, 4))
      }, expected an IDX file (00 00, element type, rank)`,
    );
  }
  const type = TYPES[bytes[2]!];
  if (!type) {
    throw new DatasetError(
      `${source}: element type is 0x${
        hexadecimal(bytes.subarray(2, 3))
      }, expected 0x08, 0x09, 0x0b or 0x0c (8-, 16- or 32-bit integers)`,
    );
  }
  const rank = bytes[3]!;
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new DatasetError(
      `${source}: ${bytes.length} bytes, expected a header of ${header} for rank ${rank}`,
    );
  }
  const shape = Array.from(
    { length: rank },
    (_, i) => view.getUint32(4 + 4 * i),
  );
  const count = shape.reduce((product, size) => product * size, 1);
  const expected = header + count * type.bytes;
  if (bytes.length !== expected) {
    throw new DatasetError(
      `${source}: ${bytes.length} bytes, expected ${expected} for ${
        shape.join("×")
      } elements`,
    );
  }
  const body = new DataView(bytes.buffer, bytes.byteOffset + header);
  return { shape, data: type.read(body, count) };
}

function hexadecimal(bytes: Uint8Array): string {
  if (bytes.length === 0) return "nothing";
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join(" ");
}

/** The pair of files of an IDX data set. */
export interface IdxFiles {
  /** `images.idx.gz` or `images.idx`. */
  images: string;
  /** `labels.idx.gz` or `labels.idx`. */
  labels: string;
}

/** Finds the IDX pair among the names of a folder's files. */
export function findIdxFiles(names: readonly string[]): Partial<IdxFiles> {
  const find = (stem: string): string | undefined =>
    [`${stem}.idx.gz`, `${stem}.idx`].find((name) => names.includes(name));
  const images = find("images");
  const labels = find("labels");
  return { ...(images && { images }), ...(labels && { labels }) };
}

/**
 * Opens a folder with `images.idx.gz` (uint8, N×H×W grey or N×H×W×3 RGB) and
 * `labels.idx.gz` (N integers), either also without `.gz`. Images stay in
 * memory.
 *
 * @param folder The folder.
 * @param files The files' names in it.
 * @throws {DatasetError} If a file is damaged or the two do not fit.
 */
export async function openIdx(
  folder: string,
  files: IdxFiles,
): Promise<ImageClassificationDataset> {
  const imagesPath = join(folder, files.images);
  const labelsPath = join(folder, files.labels);
  const [images, labels] = await Promise.all(
    [imagesPath, labelsPath].map(async (path) =>
      parseIdx(await readMaybeCompressed(path), path)
    ),
  ) as [IdxArray, IdxArray];
  const [length, height, width, channels = 1] = images.shape;
  const { data } = images;
  if (
    !(data instanceof Uint8Array) || length === undefined || !height ||
    !width || images.shape.length > 4 || ![1, 3].includes(channels)
  ) {
    throw new DatasetError(
      `${imagesPath}: ${images.shape.join("×")} ${
        elementName(data)
      }, expected N×height×width or N×height×width×3 uint8`,
    );
  }
  if (labels.shape.length !== 1) {
    throw new DatasetError(
      `${labelsPath}: ${
        labels.shape.join("×") || "a single number"
      }, expected one label for each image`,
    );
  }
  if (labels.shape[0] !== length) {
    throw new DatasetError(
      `${labelsPath}: ${
        labels.shape[0]
      } labels, expected ${length} as ${imagesPath} has images`,
    );
  }
  return new IdxDataset(folder, data, labels.data, height, width, channels);
}

function elementName(data: IdxArray["data"]): string {
  return data.constructor.name.replace("Array", "").toLowerCase();
}

class IdxDataset implements ImageClassificationDataset {
  constructor(
    readonly name: string,
    readonly images: Uint8Array,
    readonly labels: IdxArray["data"],
    readonly height: number,
    readonly width: number,
    readonly channels: number,
  ) {}

  get length(): number {
    return this.labels.length;
  }

  // deno-lint-ignore require-await -- a wrong index rejects, never throws
  async read(index: number): Promise<ImageExample> {
    checkIndex(this, index);
    const { width, height, channels } = this;
    const size = width * height * channels;
    const stored = this.images.subarray(index * size, (index + 1) * size);
    const data = channels === 3 ? stored : greyToRgb(stored);
    return { image: { width, height, data }, label: this.labels[index]! };
  }
}

function greyToRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) {
    rgb.fill(grey[i]!, i * 3, i * 3 + 3);
  }
  return rgb;
}

/** What stays in memory at most: 1 GiB. */
const LARGEST = 2 ** 30;

async function readMaybeCompressed(path: string): Promise<Uint8Array> {
  return await withFile(path, async (file) => {
    if (file.size > LARGEST) {
      throw new DatasetError(
        `${path}: ${file.size} bytes, expected ${LARGEST} at most`,
      );
    }
    const bytes = await file.read(0, file.size);
    if (!path.endsWith(".gz")) return bytes;
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
      throw new DatasetError(
        `${path}: begins with ${
          hexadecimal(bytes.subarray(0, 4))
        }, expected a gzip file (1f 8b)`,
      );
    }
    try {
      return await decompress(bytes);
    } catch (error) {
      throw new DatasetError(
        `${path}: damaged gzip file (${reason(error)}), expected a whole one`,
        { cause: error },
      );
    }
  });
}

/** Decompresses as much as the IDX header says, and one byte: never a bomb. */
async function decompress(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = ReadableStream.from(pieces(bytes))
    .pipeThrough(new DecompressionStream("gzip"));
  const chunks: Uint8Array[] = [];
  let length = 0;
  let limit: number | undefined;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    limit ??= sizeByHeader(chunk);
    if (length > limit) break;
  }
  const all = new Uint8Array(Math.min(length, (limit ?? 0) + 1));
  let offset = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, all.length - offset);
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** All that a piece expands to comes at once, a thousand times its size. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  const size = 2 ** 14;
  for (let begin = 0; begin < bytes.length; begin += size) {
    yield new Uint8Array(bytes.subarray(begin, begin + size));
  }
}

function sizeByHeader(start: Uint8Array): number {
  const rank = start[3] ?? 0;
  const header = 4 + 4 * rank;
  const width = TYPES[start[2] ?? 0]?.bytes ?? 1;
  // A first chunk too short for a header is an error told by what is missing.
  if (start.length < header) return LARGEST;
  const view = new DataView(start.buffer, start.byteOffset, header);
  let count = width;
  for (let i = 0; i < rank; i++) count *= view.getUint32(4 + 4 * i);
  return Math.min(header + count, LARGEST);
}

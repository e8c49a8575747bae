import { CheckpointError } from "../fusion_error.ts";
import { BinaryFile } from "./binary_file.ts";
import {
  checkRange,
  noSuchTensor,
  readRange,
  targetOf,
} from "./element_range.ts";
import { DTYPE_BYTES } from "./element_type.ts";
import { readElements, unreadable } from "./read_elements.ts";
import {
  LARGEST_HEADER,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors_header.ts";
import type { StateDict, TensorInfo } from "./state_dict.ts";

/** A `.safetensors` file, open for reading. */
export class SafetensorsFile implements StateDict {
  /** Tensor names, in the order of their bytes. */
  readonly names: readonly string[];
  /** Free text by key, from the header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The file's path. */
  readonly source: string;
  /** The file's path. */
  readonly location: string;
  readonly #file: BinaryFile;
  readonly #tensors: ReadonlyMap<string, TensorEntry>;

  /** Use {@linkcode openSafetensors}. */
  private constructor(
    path: string,
    file: BinaryFile,
    { tensors, metadata }: SafetensorsHeader,
  ) {
    this.source = path;
    this.location = path;
    this.names = [...tensors.keys()];
    this.metadata = metadata;
    this.#file = file;
    this.#tensors = tensors;
  }

  /** As {@linkcode openSafetensors}. */
  static async open(path: string): Promise<SafetensorsFile> {
    let file: BinaryFile | undefined;
    try {
      file = new BinaryFile(path, "r");
      return new SafetensorsFile(path, file, await readHeader(path, file));
    } catch (error) {
      file?.close();
      throw unreadable(path, error);
    }
  }

  /** Type and shape of one tensor. */
  info(name: string): TensorInfo {
    const { dtype, shape } = this.#entry(name);
    return { dtype, shape };
  }

  /** Elements [begin, end) of the flattened tensor, as float32. */
  async read(name: string, begin = 0, end?: number): Promise<Float32Array> {
    return await readRange(this, name, begin, end);
  }

  /** Elements [begin, end) into the first ones of `target`. */
  async readInto(
    name: string,
    begin: number,
    end: number,
    target: Float32Array,
  ): Promise<void> {
    const { dtype, shape, position } = this.#entry(name);
    checkRange(this.source, name, shape, begin, end);
    const values = targetOf(this.source, name, end - begin, target);
    await readElements(this.source, name, this.#file, {
      dtype,
      position: position + begin * DTYPE_BYTES[dtype],
    }, values);
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }

  #entry(name: string): TensorEntry {
    const entry = this.#tensors.get(name);
    if (!entry) throw noSuchTensor(this.source, name);
    return entry;
  }
}

/**
 * Opens a `.safetensors` file: its header is read and checked, its tensors are
 * read on demand, by byte range.
 *
 * @throws {CheckpointError} If the file is missing, cut off or not valid.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return await SafetensorsFile.open(path);
}

async function readHeader(
  path: string,
  file: BinaryFile,
): Promise<SafetensorsHeader> {
  const size = file.size;
  if (size === undefined) {
    throw new CheckpointError(`${path} is a folder or device, expected a file`);
  }
  if (size < LENGTH_BYTES + 2) {
    throw new CheckpointError(
      `${path} is no safetensors file: it has ${size} bytes, expected a header`,
    );
  }
  const prefix = new Uint8Array(LENGTH_BYTES);
  await file.read(prefix, 0);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > LARGEST_HEADER) {
    throw new CheckpointError(
      new TextDecoder().decode(prefix) === "version "
        ? `${path} is a Git LFS pointer, expected the model itself: run \`git lfs pull\``
        : `${path} is no safetensors file: its header would have ${length} bytes, expected at most ${LARGEST_HEADER}`,
    );
  }
  if (length < 2) {
    throw new CheckpointError(
      `${path} is no safetensors file: its header has ${length} bytes, expected JSON`,
    );
  }
  if (LENGTH_BYTES + length > size) {
    throw cutOff(path, LENGTH_BYTES + length, size);
  }
  const bytes = new Uint8Array(length);
  await file.read(bytes, LENGTH_BYTES);
  const header = parseSafetensorsHeader(path, bytes);
  if (header.fileSize > size) throw cutOff(path, header.fileSize, size);
  if (header.fileSize < size) {
    throw new CheckpointError(
      `${path} is too long: its header promises ${header.fileSize} bytes, the file has ${size}`,
    );
  }
  return header;
}

function cutOff(path: string, promised: number, size: number): CheckpointError {
  return new CheckpointError(
    `${path} is cut off: its header promises ${promised} bytes, the file has ${size}`,
  );
}

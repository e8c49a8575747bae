import { CheckpointError } from "../fusion_error.ts";
import type { BinaryFile } from "./binary_file.ts";
import { bytesOf, decodeElements, DTYPE_BYTES } from "./element_type.ts";
import { reasonOf } from "../reason.ts";
import type { DType } from "./state_dict.ts";
import { shown } from "./shown.ts";

/** Elements converted at a time: stored ones never take much memory besides. */
const BLOCK = 1 << 18;

/** Elements that lie one after the other in a file. */
export interface StoredElements {
  /** Their type. */
  readonly dtype: DType;
  /** First byte, from the file's begin. */
  readonly position: number;
  /** Whether the bytes of an element stand in the other order. @default {false} */
  readonly bigEndian?: boolean;
}

/**
 * Reads elements of a file as float32.
 *
 * @param source The file's path, for error messages.
 * @param name What the elements belong to, for error messages.
 * @param target As many elements are read as it has.
 * @throws {CheckpointError} If the file cannot be read or has become shorter.
 */
export async function readElements(
  source: string,
  name: string,
  file: BinaryFile,
  { dtype, position, bigEndian = false }: StoredElements,
  target: Float32Array,
): Promise<void> {
  // float32 needs no conversion: the file is read straight into the array.
  if (dtype === "F32" && !bigEndian) {
    return await fill(source, name, file, bytesOf(target), position);
  }
  const elementBytes = DTYPE_BYTES[dtype];
  const block = new Uint8Array(Math.min(target.length, BLOCK) * elementBytes);
  for (let done = 0; done < target.length; done += BLOCK) {
    const part = target.subarray(done, done + BLOCK);
    const bytes = block.subarray(0, part.length * elementBytes);
    await fill(source, name, file, bytes, position + done * elementBytes);
    if (bigEndian) swap(bytes, elementBytes);
    decodeElements(dtype, bytes, part);
  }
}

function swap(bytes: Uint8Array, elementBytes: number): void {
  if (elementBytes === 1) return;
  for (let i = 0; i < bytes.length; i += elementBytes) {
    bytes.subarray(i, i + elementBytes).reverse();
  }
}

/**
 * Fills `bytes` from a position of a file.
 *
 * @param source The file's path, for error messages.
 * @param name What the bytes belong to, for error messages.
 * @throws {CheckpointError} If the file cannot be read or has become shorter.
 */
export async function fill(
  source: string,
  name: string,
  file: BinaryFile,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  // Where the memory is that of a WebAssembly module, which may grow while it
  // is read into, the array's length is then 0.
  const { length } = bytes;
  let count: number;
  try {
    count = await file.read(bytes, position);
  } catch (error) {
    throw unreadable(source, error);
  }
  if (count < length) {
    throw new CheckpointError(
      `${source} became shorter while it was read: tensor ${
        shown(name)
      } is cut off`,
    );
  }
}

/** The error for a file that the system does not let be read. */
export function unreadable(path: string, error: unknown): CheckpointError {
  return error instanceof CheckpointError
    ? error
    : new CheckpointError(`cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
}

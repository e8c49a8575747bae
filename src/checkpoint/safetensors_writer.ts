import { dirname } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { type Temporary, temporaryFile } from "../temporaries.ts";
import { BinaryFile } from "./binary_file.ts";
import { checkRange, noSuchTensor } from "./element_range.ts";
import { ElementRanges } from "./element_ranges.ts";
import { DTYPE_BYTES, encodeElements } from "./element_type.ts";
import { errorCode, reasonOf } from "../reason.ts";
import { LARGEST_HEADER, LENGTH_BYTES } from "./safetensors_header.ts";
import { elementCount, type TensorInfo } from "./state_dict.ts";
import { syncPath } from "./sync_path.ts";

/** Bytes after which what was written is sent to the device. */
const BYTES_A_SYNC = 1 << 26;

/** A tensor that is going to be written. */
export interface TensorPlan extends TensorInfo {
  /** Its name in the file. */
  readonly name: string;
}

interface Place extends TensorInfo {
  readonly position: number;
  readonly written: ElementRanges;
}

/**
 * Writes a `.safetensors` file tensor by tensor, range by range, in any order.
 * It is written beside its place; {@linkcode finish} renames it.
 */
export class SafetensorsWriter {
  readonly #path: string;
  readonly #temporary: Temporary;
  readonly #file: BinaryFile;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #pending = new Set<Promise<void>>();
  #bytesSinceSync = 0;
  #syncing = false;
  #ended = false;

  /** Use {@linkcode SafetensorsWriter.create}. */
  private constructor(
    path: string,
    temporary: Temporary,
    file: BinaryFile,
    places: ReadonlyMap<string, Place>,
  ) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#places = places;
  }

  /**
   * Begins a file with its header.
   *
   * @param path The file; replaced if it exists, when all is written.
   * @param tensors What will be written, in the order of the file.
   * @param metadata Free text for `__metadata__`. transformers wants `format`.
   * @throws {CheckpointError} If the file cannot be written or a name comes
   * twice.
   */
  static async create(
    path: string,
    tensors: readonly TensorPlan[],
    metadata: Readonly<Record<string, string>> = { format: "pt" },
  ): Promise<SafetensorsWriter> {
    const { header, places, fileSize } = layOut(path, tensors, metadata);
    let temporary: Temporary | undefined;
    let file: BinaryFile | undefined;
    try {
      temporary = temporaryFile(path);
      file = new BinaryFile(temporary.path, "r+");
      await file.write(header, 0);
      file.truncate(fileSize);
    } catch (error) {
      file?.close();
      if (temporary) await Deno.remove(temporary.path).catch(() => {});
      temporary?.release();
      throw unwritable(path, error);
    }
    return new SafetensorsWriter(path, temporary, file, places);
  }

  /**
   * Writes elements [begin, begin + values.length) of a flattened tensor,
   * converted to its type as `torch.Tensor.to` does: nearest even for F16 and
   * BF16, towards zero for integers. `values` must stay as they are until the
   * promise is fulfilled; several writes may be under way.
   *
   * @throws {CheckpointError} If there is no such tensor or range, a value does
   * not fit an integer type, or the device is full.
   */
  async write(
    name: string,
    begin: number,
    values: Float32Array,
  ): Promise<void> {
    const place = this.#places.get(name);
    if (!place) throw noSuchTensor(this.#path, name);
    const end = begin + values.length;
    checkRange(this.#path, name, place.shape, begin, end);
    if (this.#ended) {
      throw new CheckpointError(`${this.#path} is finished already`);
    }
    const writing = this.#file.write(
      this.#encode(name, place, values),
      place.position + begin * DTYPE_BYTES[place.dtype],
    );
    this.#pending.add(writing);
    try {
      await writing;
    } catch (error) {
      throw unwritable(this.#path, error);
    } finally {
      this.#pending.delete(writing);
    }
    place.written.add(begin, end);
    this.#bytesSinceSync += values.length * DTYPE_BYTES[place.dtype];
    if (this.#bytesSinceSync >= BYTES_A_SYNC) this.#syncMeanwhile();
  }

  /**
   * Sends what was written on its way to the device, so that not all of it is
   * still to be waited for in the end.
   */
  #syncMeanwhile(): void {
    if (this.#syncing || this.#ended) return;
    this.#bytesSinceSync = 0;
    this.#syncing = true;
    const syncing = this.#file.sync().catch(() => {}) // told by the last one
      .finally(() => {
        this.#syncing = false;
        this.#pending.delete(syncing);
      });
    this.#pending.add(syncing);
  }

  /**
   * Puts the file in its place, once it is on the device.
   *
   * @throws {CheckpointError} If elements were never written, or the file
   * cannot be renamed; nothing is left behind then.
   */
  async finish(): Promise<void> {
    this.#ended = true;
    await this.#settle();
    try {
      for (const [name, { shape, written }] of this.#places) {
        const missing = elementCount(shape) - written.count;
        if (missing > 0) {
          throw new CheckpointError(
            `${this.#path}: ${missing} of ${
              elementCount(shape)
            } elements of tensor ${JSON.stringify(name)} were not written`,
          );
        }
      }
      await this.#file.sync();
      this.#file.close();
      await Deno.rename(this.#temporary.path, this.#path);
    } catch (error) {
      await this.abort();
      throw unwritable(this.#path, error);
    }
    this.#temporary.release();
    syncPath(dirname(this.#path), true);
  }

  /** Gives up: removes what was written. Does nothing after `finish`. */
  async abort(): Promise<void> {
    this.#ended = true;
    await this.#settle();
    this.#file.close();
    try {
      await Deno.remove(this.#temporary.path);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw unwritable(this.#path, error);
    }
    this.#temporary.release();
  }

  #encode(
    name: string,
    { dtype }: Place,
    values: Float32Array,
  ): Uint8Array {
    try {
      return encodeElements(dtype, values);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new CheckpointError(
        `${this.#path}: tensor ${
          JSON.stringify(name)
        } has the value ${error.message}, which ${dtype} cannot hold`,
      );
    }
  }

  async #settle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }
}

function layOut(
  path: string,
  tensors: readonly TensorPlan[],
  metadata: Readonly<Record<string, string>>,
): { header: Uint8Array; places: Map<string, Place>; fileSize: number } {
  const places = new Map<string, Place>();
  const entries: [string, unknown][] = [["__metadata__", metadata]];
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (places.has(name) || name === "__metadata__") {
      throw new CheckpointError(
        `${path}: tensor ${
          JSON.stringify(name)
        } cannot be written twice or under this name`,
      );
    }
    const end = offset + elementCount(shape) * DTYPE_BYTES[dtype];
    entries.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    places.set(name, {
      dtype,
      shape,
      position: offset,
      written: new ElementRanges(),
    });
    offset = end;
  }
  const json = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(entries)),
  );
  // As the safetensors library does, so that the data begins at a multiple of 8.
  const length = Math.ceil(json.length / 8) * 8;
  if (length > LARGEST_HEADER) {
    throw new CheckpointError(
      `${path}: the header would have ${length} bytes, expected at most ${LARGEST_HEADER}`,
    );
  }
  const header = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, LENGTH_BYTES);
  for (const [name, place] of places) {
    places.set(name, { ...place, position: header.length + place.position });
  }
  return { header, places, fileSize: header.length + offset };
}

function unwritable(path: string, error: unknown): CheckpointError {
  return error instanceof CheckpointError
    ? error
    : new CheckpointError(`cannot write ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
}

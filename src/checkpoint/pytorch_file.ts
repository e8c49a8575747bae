import { CheckpointError } from "../fusion_error.ts";
import { BinaryFile } from "./binary_file.ts";
import {
  checkRange,
  noSuchTensor,
  readRange,
  targetOf,
} from "./element_range.ts";
import { DTYPE_BYTES } from "./element_type.ts";
import type { PickleValue } from "./pickle_value.ts";
import { readLegacyLayout, readZipLayout } from "./pytorch_layout.ts";
import { PytorchTensor } from "./pytorch_tensor.ts";
import { readElements, unreadable } from "./read_elements.ts";
import { elementCount, type StateDict, type TensorInfo } from "./state_dict.ts";
import { isContiguous, placesOf, spanOf } from "./strides.ts";

/** Where training scripts put the state dict in what they save. */
const WRAPPERS = ["state_dict", "model"];
/** Elements gathered at a time. */
const BLOCK = 1 << 16;
/** Elements that are read though not all are wanted, for one wanted element. */
const READ_AHEAD = 4;
/** Views may share storages, but not let a small file fill a disk. */
const MOST_SHARING = 16;

/** A tensor and where its storage's part begins. */
interface Entry {
  readonly tensor: PytorchTensor;
  readonly contiguous: boolean;
  /** First byte of the view's first element. */
  readonly position: number;
}

/**
 * A file that `torch.save` wrote (`pytorch_model.bin`, `.pt`, `.pth`), open for
 * reading. Storages are read when their tensors are, by byte range.
 */
export class PytorchFile implements StateDict {
  /** Tensor names, in the order of the state dict. */
  readonly names: readonly string[];
  /** The file's path. */
  readonly source: string;
  /** As {@linkcode source}. */
  readonly location: string;
  readonly #file: BinaryFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #bigEndian: boolean;
  /** The last view that is not contiguous, whole: it is read chunk by chunk. */
  #last: { name: string; span: Promise<Float32Array> } | undefined;

  /** Use {@linkcode openPytorch}. */
  private constructor(
    path: string,
    file: BinaryFile,
    entries: ReadonlyMap<string, Entry>,
    bigEndian: boolean,
  ) {
    this.source = path;
    this.location = path;
    this.names = [...entries.keys()];
    this.#file = file;
    this.#entries = entries;
    this.#bigEndian = bigEndian;
  }

  /** As {@linkcode openPytorch}. */
  static async open(path: string): Promise<PytorchFile> {
    let file: BinaryFile | undefined;
    try {
      file = new BinaryFile(path, "r");
      const size = file.size;
      if (size === undefined) {
        throw new CheckpointError(
          `${path} is a folder or device, expected a file`,
        );
      }
      const layout = await isZip(path, file)
        ? await readZipLayout(path, file, size)
        : await readLegacyLayout(path, file, size);
      const entries = new Map<string, Entry>();
      let bytes = 0;
      for (const [name, tensor] of tensorsOf(path, layout.value)) {
        const { storage, offset, shape, strides } = tensor;
        bytes += tensor.bytes;
        entries.set(name, {
          tensor,
          contiguous: isContiguous(shape, strides),
          position: layout.positionOf(storage) +
            offset * DTYPE_BYTES[storage.dtype],
        });
      }
      if (bytes > MOST_SHARING * size) {
        throw new CheckpointError(
          `${path}: its tensors would have ${bytes} bytes, expected at most ${MOST_SHARING} times the file's ${size}`,
        );
      }
      return new PytorchFile(path, file, entries, layout.bigEndian);
    } catch (error) {
      file?.close();
      throw unreadable(path, error);
    }
  }

  /** Type and shape of one tensor. */
  info(name: string): TensorInfo {
    const { storage, shape } = this.#entry(name).tensor;
    return { dtype: storage.dtype, shape };
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
    const entry = this.#entry(name);
    checkRange(this.source, name, entry.tensor.shape, begin, end);
    const values = targetOf(this.source, name, end - begin, target);
    if (entry.contiguous) return await this.#fill(name, entry, begin, values);
    for (let done = 0; done < values.length; done += BLOCK) {
      const part = values.subarray(done, done + BLOCK);
      await this.#gather(name, entry, begin + done, part);
    }
  }

  /** Closes the file. */
  close(): void {
    this.#last = undefined;
    this.#file.close();
  }

  /** Elements of a view that are not one after the other, from `begin` on. */
  async #gather(
    name: string,
    entry: Entry,
    begin: number,
    values: Float32Array,
  ): Promise<void> {
    const { shape, strides } = entry.tensor;
    const places = placesOf(shape, strides, begin, begin + values.length);
    const span = spanOf(shape, strides);
    if (span <= Math.max(READ_AHEAD * elementCount(shape), BLOCK)) {
      const all = await this.#whole(name, entry, span);
      places.forEach((place, i) => values[i] = all[place]!);
      return;
    }
    const first = places.reduce((a, b) => Math.min(a, b));
    const last = places.reduce((a, b) => Math.max(a, b));
    if (last - first < READ_AHEAD * values.length) {
      const part = new Float32Array(last - first + 1);
      await this.#fill(name, entry, first, part);
      places.forEach((place, i) => values[i] = part[place - first]!);
      return;
    }
    for (let i = 0; i < values.length;) {
      let end = i + 1;
      while (end < places.length && places[end] === places[i]! + end - i) end++;
      await this.#fill(name, entry, places[i]!, values.subarray(i, end));
      i = end;
    }
  }

  async #whole(
    name: string,
    entry: Entry,
    span: number,
  ): Promise<Float32Array> {
    if (this.#last?.name !== name) {
      const values = new Float32Array(span);
      const reading = this.#fill(name, entry, 0, values).then(() => values);
      this.#last = { name, span: reading };
      reading.catch(() => this.#last = undefined);
    }
    return await this.#last!.span;
  }

  /** Stored elements, from a place after the view's first element on. */
  async #fill(
    name: string,
    { tensor: { storage: { dtype } }, position }: Entry,
    place: number,
    values: Float32Array,
  ): Promise<void> {
    await readElements(this.source, name, this.#file, {
      dtype,
      position: position + place * DTYPE_BYTES[dtype],
      bigEndian: this.#bigEndian,
    }, values);
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw noSuchTensor(this.source, name);
    return entry;
  }
}

/**
 * Opens a file that `torch.save` wrote, in its zip format or the legacy one.
 * Its pickle is read without running anything it names: it builds tensors and
 * nothing else. A state dict under `state_dict` or `model`, where training
 * scripts put it, is found too.
 *
 * @throws {CheckpointError} If the file is missing, damaged, or its pickle
 * names anything but what tensors need, such as `os.system`.
 */
export async function openPytorch(path: string): Promise<PytorchFile> {
  return await PytorchFile.open(path);
}

async function isZip(path: string, file: BinaryFile): Promise<boolean> {
  const bytes = new Uint8Array(8);
  const count = await file.read(bytes, 0);
  const text = new TextDecoder().decode(bytes.subarray(0, count));
  if (text === "version ") {
    throw new CheckpointError(
      `${path} is a Git LFS pointer, expected the model itself: run \`git lfs pull\``,
    );
  }
  if (text.startsWith("PK\x03\x04")) return true;
  if (bytes[0] === 0x80) return false;
  throw new CheckpointError(
    `${path} is no PyTorch file: it begins with neither a zip file's nor a pickle's bytes`,
  );
}

/** The tensors of a state dict; what else stands beside them is left out. */
function tensorsOf(
  path: string,
  value: PickleValue,
): Map<string, PytorchTensor> {
  const dicts: PickleValue[] = [value];
  if (value instanceof Map) {
    dicts.push(...WRAPPERS.map((name) => value.get(name) ?? null));
  }
  for (const dict of dicts) {
    if (!(dict instanceof Map)) continue;
    const tensors = new Map<string, PytorchTensor>();
    for (const [name, item] of dict) {
      if (typeof name === "string" && item instanceof PytorchTensor) {
        tensors.set(name, item);
      }
    }
    if (tensors.size > 0) return tensors;
  }
  throw new CheckpointError(
    `${path} has no tensors by name, expected a state dict`,
  );
}

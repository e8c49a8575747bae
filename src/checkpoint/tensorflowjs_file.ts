import { dirname, join } from "@std/path";
import { CheckpointError } from "../fusion_error.ts";
import { BinaryFile } from "./binary_file.ts";
import {
  checkRange,
  noSuchTensor,
  readRange,
  targetOf,
} from "./element_range.ts";
import { bytesOf, decodeElements } from "./element_type.ts";
import { fill, unreadable } from "./read_elements.ts";
import { shown } from "./shown.ts";
import { elementCount, type StateDict, type TensorInfo } from "./state_dict.ts";
import type { ModelJson, Quantization } from "./tensorflowjs_json.ts";

/** Elements converted at a time. */
const BLOCK = 1 << 18;

const DTYPES = { float32: "F32", int32: "I32", bool: "BOOL" } as const;
const BYTES = {
  float32: 4,
  int32: 4,
  bool: 1,
  float16: 2,
  uint16: 2,
  uint8: 1,
};

/** A tensor, and where it stands in the weight files one after the other. */
interface Entry extends TensorInfo {
  readonly position: number;
  readonly stored: keyof typeof BYTES;
  readonly quantization: Quantization | undefined;
}

/** One of the files that hold the weights, and where it begins among them. */
interface Part {
  readonly path: string;
  readonly file: BinaryFile;
  readonly begin: number;
  readonly end: number;
}

/**
 * The weights of a TensorFlow.js LayersModel (`model.json` and the files that
 * it names), open for reading, in TensorFlow.js' names, layouts and shapes.
 * Quantized ones give float32, as in TensorFlow.js; an optimizer's are left out.
 *
 * The model's topology is not read. TensorFlow.js follows it without end where
 * a layer is missing, and takes memory for whatever sizes it says.
 */
export class TensorflowjsFile implements StateDict {
  /** Tensor names, in the order of the manifest. */
  readonly names: readonly string[];
  /** The path of `model.json`. */
  readonly source: string;
  /** As {@linkcode source}. */
  readonly location: string;
  /** What the model's maker kept with it (`setUserDefinedMetadata`). */
  readonly userDefinedMetadata: unknown;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #parts: readonly Part[];

  /** Use {@linkcode openTensorflowjs}. */
  private constructor(
    path: string,
    userDefinedMetadata: unknown,
    entries: ReadonlyMap<string, Entry>,
    parts: readonly Part[],
  ) {
    this.source = path;
    this.location = path;
    this.userDefinedMetadata = userDefinedMetadata;
    this.names = [...entries.keys()];
    this.#entries = entries;
    this.#parts = parts;
  }

  /** As {@linkcode openTensorflowjs}. */
  static async open(path: string): Promise<TensorflowjsFile> {
    const json = await readModelJson(path);
    const { entries, bytes } = entriesOf(path, json);
    const parts: Part[] = [];
    try {
      let begin = 0;
      for (const name of weightFiles(json)) {
        const part = openPart(join(dirname(path), name), begin);
        parts.push(part);
        begin = part.end;
      }
      if (begin !== bytes) {
        throw new CheckpointError(
          `${path}: its weight files have ${begin} bytes, expected ${bytes} for the tensors of its weightsManifest`,
        );
      }
      return new TensorflowjsFile(
        path,
        json.userDefinedMetadata,
        entries,
        parts,
      );
    } catch (error) {
      for (const { file } of parts) file.close();
      throw error;
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
    const entry = this.#entry(name);
    checkRange(this.source, name, entry.shape, begin, end);
    const values = targetOf(this.source, name, end - begin, target);
    const { stored } = entry;
    const position = entry.position + begin * BYTES[stored];
    if (stored === "float32") {
      return await this.#fill(name, bytesOf(values), position);
    }
    const size = Math.min(values.length, BLOCK) * BYTES[stored];
    const block = new Uint8Array(size);
    for (let done = 0; done < values.length; done += BLOCK) {
      const part = values.subarray(done, done + BLOCK);
      const bytes = block.subarray(0, part.length * BYTES[stored]);
      await this.#fill(name, bytes, position + done * BYTES[stored]);
      decode(entry, bytes, part);
    }
  }

  /** Closes the files. */
  close(): void {
    for (const { file } of this.#parts) file.close();
  }

  /** Bytes from a position on; a tensor may go on in the next file. */
  async #fill(
    name: string,
    bytes: Uint8Array,
    position: number,
  ): Promise<void> {
    const total = bytes.length; // 0 later, if a module's memory grows
    for (const { path, file, begin, end } of this.#parts) {
      const from = Math.max(begin, position);
      const to = Math.min(end, position + total);
      if (from >= to) continue;
      const wanted = bytes.subarray(from - position, to - position);
      await fill(path, name, file, wanted, from - begin);
    }
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw noSuchTensor(this.source, name);
    return entry;
  }
}

/**
 * Opens the weights of a TensorFlow.js LayersModel.
 *
 * @param path Its `model.json`; the weights' files are in the same folder.
 * @throws {CheckpointError} If a file is missing, damaged, or no LayersModel's.
 */
export async function openTensorflowjs(
  path: string,
): Promise<TensorflowjsFile> {
  return await TensorflowjsFile.open(path);
}

/**
 * Names of the files that hold a LayersModel's weights.
 *
 * @throws {CheckpointError} If `model.json` is missing, damaged or another's.
 */
export async function tensorflowjsWeightFiles(path: string): Promise<string[]> {
  return weightFiles(await readModelJson(path));
}

function weightFiles({ weightsManifest }: ModelJson): string[] {
  return weightsManifest.flatMap(({ paths }) => paths);
}

/** Threads that merge other files need not wait for zod. */
async function readModelJson(path: string): Promise<ModelJson> {
  return await (await import("./tensorflowjs_json.ts")).readModelJson(path);
}

/** Tensors by name, and the bytes that they and an optimizer's take. */
function entriesOf(
  path: string,
  { weightsManifest }: ModelJson,
): { entries: Map<string, Entry>; bytes: number } {
  const entries = new Map<string, Entry>();
  let bytes = 0;
  for (const spec of weightsManifest.flatMap(({ weights }) => weights)) {
    const { name, shape, dtype, quantization, group } = spec;
    const stored = quantization?.dtype ?? dtype;
    if (group !== "optimizer") {
      if (entries.has(name)) {
        throw new CheckpointError(
          `${path}: tensor ${shown(name)} stands twice in weightsManifest`,
        );
      }
      entries.set(name, {
        dtype: stored === "float16" ? "F16" : DTYPES[dtype],
        shape,
        position: bytes,
        stored,
        quantization,
      });
    }
    bytes += elementCount(shape) * BYTES[stored];
  }
  return { entries, bytes };
}

function openPart(path: string, begin: number): Part {
  let file: BinaryFile | undefined;
  try {
    file = new BinaryFile(path, "r");
    const { size } = file;
    if (size === undefined) {
      throw new CheckpointError(
        `${path} is a folder or device, expected a file`,
      );
    }
    return { path, file, begin, end: begin + size };
  } catch (error) {
    file?.close();
    throw unreadable(path, error);
  }
}

function decode(
  { dtype, quantization }: Entry,
  bytes: Uint8Array,
  target: Float32Array,
): void {
  if (!quantization || quantization.dtype === "float16") {
    return decodeElements(dtype, bytes, target);
  }
  const { min, scale } = quantization;
  const steps = quantization.dtype === "uint8"
    ? bytes
    : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  for (let i = 0; i < target.length; i++) {
    const value = steps[i]! * scale + min;
    target[i] = dtype === "I32" ? Math.round(value) : value;
  }
}

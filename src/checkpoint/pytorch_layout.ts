import { CheckpointError } from "../fusion_error.ts";
import type { BinaryFile } from "./binary_file.ts";
import { DTYPE_BYTES } from "./element_type.ts";
import { CutOffPickle } from "./pickle_bytes.ts";
import type { PickleValue } from "./pickle_value.ts";
import { unpickleTensors } from "./pytorch_globals.ts";
import { type PytorchStorage, PytorchTensor } from "./pytorch_tensor.ts";
import type { DType } from "./state_dict.ts";
import { readZipDirectory } from "./zip_directory.ts";
import { shown } from "./shown.ts";

/** Longest pickle that is read; a large model's has some hundred kB. */
const LONGEST_PICKLE = 1 << 24;
/** What is read of a legacy file first: its pickles are mostly shorter. */
const FIRST_PART = 1 << 18;
/** How the legacy format begins, as its pickle gives it. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

/** What a PyTorch file holds, and where. */
export interface PytorchLayout {
  /** What was saved. */
  readonly value: PickleValue;
  /** Whether elements have their most significant byte first. */
  readonly bigEndian: boolean;
  /**
   * First byte of a storage.
   * @throws {CheckpointError} If the file has no such storage, or not whole.
   */
  positionOf(storage: PytorchStorage): number;
}

/**
 * Reads the pickle of a file that `torch.save` wrote since PyTorch 1.6: a zip
 * file with `data.pkl`, and each storage in `data/KEY`.
 */
export async function readZipLayout(
  path: string,
  file: BinaryFile,
  size: number,
): Promise<PytorchLayout> {
  const entries = await readZipDirectory(path, file, size);
  const pickles = [...entries.keys()].filter((name) =>
    /^[^/]+\/data\.pkl$/.test(name)
  );
  if (pickles.length !== 1) {
    throw new CheckpointError(
      `${path} is a zip file with ${pickles.length} data.pkl, expected what torch.save writes`,
    );
  }
  const prefix = pickles[0]!.slice(0, -"data.pkl".length);
  if ([...entries.keys()].some((name) => name.startsWith(`${prefix}code/`))) {
    throw new CheckpointError(
      `${path} is a TorchScript program, expected the tensors of a state dict`,
    );
  }
  const content = async (name: string, most: number): Promise<Uint8Array> => {
    const entry = entries.get(prefix + name);
    if (!entry) return new Uint8Array();
    if (entry.size > most) {
      throw new CheckpointError(
        `${path}: ${name} has ${entry.size} bytes, expected at most ${most}`,
      );
    }
    const bytes = new Uint8Array(entry.size);
    await file.read(bytes, entry.position);
    return bytes;
  };
  const order = new TextDecoder().decode(await content("byteorder", 64));
  if (!["", "little", "big"].includes(order)) {
    throw new CheckpointError(
      `${path}: byteorder is ${shown(order)}, expected "little" or "big"`,
    );
  }
  const pickle = await content("data.pkl", LONGEST_PICKLE);
  return {
    value: unpickleTensors(path, pickle).value,
    bigEndian: order === "big",
    positionOf({ key, dtype, size, begin }) {
      const entry = entries.get(`${prefix}data/${key}`);
      const bytes = (begin + size) * DTYPE_BYTES[dtype];
      if (!entry || entry.size < bytes) {
        throw new CheckpointError(
          `${path}: storage ${shown(key)} has ${
            entry?.size ?? 0
          } bytes, expected ${bytes}`,
        );
      }
      return entry.position + begin * DTYPE_BYTES[dtype];
    },
  };
}

/**
 * Reads the pickles of a file that `torch.save` wrote before PyTorch 1.6:
 * magic number, version, the machine's facts, what was saved, the storages'
 * keys; then each storage after its length.
 */
export async function readLegacyLayout(
  path: string,
  file: BinaryFile,
  size: number,
): Promise<PytorchLayout> {
  const { value, keys, end } = await readLegacyPickles(path, file, size);
  const dtypes = storageTypes(path, value);
  const places = new Map<string, { position: number; size: number }>();
  let position = end;
  for (const key of keys) {
    const dtype = typeof key === "string" ? dtypes.get(key) : undefined;
    if (dtype === undefined) {
      throw new CheckpointError(
        `${path}: its list of storages names one that no tensor has`,
      );
    }
    const length = new DataView(new ArrayBuffer(8));
    await file.read(new Uint8Array(length.buffer), position);
    const elements = Number(length.getBigUint64(0, true));
    position += 8;
    places.set(key as string, { position, size: elements });
    position += elements * DTYPE_BYTES[dtype];
    if (position > size) {
      throw new CheckpointError(
        `${path} is cut off: it should have ${position} bytes or more, it has ${size}`,
      );
    }
  }
  return {
    value,
    // The format has little-endian elements whatever machine wrote it.
    bigEndian: false,
    positionOf({ key, dtype, size, begin }) {
      const place = places.get(key);
      if (!place || place.size < begin + size) {
        throw new CheckpointError(
          `${path}: storage ${shown(key)} has ${
            place?.size ?? 0
          } elements, expected ${begin + size}`,
        );
      }
      return place.position + begin * DTYPE_BYTES[dtype];
    },
  };
}

async function readLegacyPickles(
  path: string,
  file: BinaryFile,
  size: number,
): Promise<{ value: PickleValue; keys: PickleValue[]; end: number }> {
  // The pickles' length stands nowhere: more is read until they are whole.
  for (let length = Math.min(FIRST_PART, size);;) {
    const bytes = new Uint8Array(length);
    await file.read(bytes, 0);
    try {
      return parseLegacyPickles(path, bytes);
    } catch (error) {
      const whole = length === size || length >= LONGEST_PICKLE;
      if (!(error instanceof CutOffPickle) || whole) throw error;
      length = Math.min(length * 8, size, LONGEST_PICKLE);
    }
  }
}

function parseLegacyPickles(
  path: string,
  bytes: Uint8Array,
): { value: PickleValue; keys: PickleValue[]; end: number } {
  let end = 0;
  const next = (): PickleValue => {
    const pickle = unpickleTensors(path, bytes, end);
    end = pickle.end;
    return pickle.value;
  };
  const magic = next();
  if (magic !== LEGACY_MAGIC) {
    throw new CheckpointError(
      `${path} is no PyTorch file: a pickle, but not of torch.save`,
    );
  }
  const version = next();
  if (version !== LEGACY_VERSION) {
    throw new CheckpointError(
      `${path}: torch.save's version is ${version}, expected ${LEGACY_VERSION}`,
    );
  }
  next(); // what the machine was that wrote it
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) {
    throw new CheckpointError(`${path} has no list of storages`);
  }
  return { value, keys, end };
}

/** Each storage's type, from the tensors in dicts, lists and tuples. */
function storageTypes(path: string, root: PickleValue): Map<string, DType> {
  const dtypes = new Map<string, DType>();
  for (const { storage: { key, dtype } } of tensorsWithin(root)) {
    if ((dtypes.get(key) ?? dtype) !== dtype) {
      throw new CheckpointError(
        `${path}: storage ${shown(key)} has two types`,
      );
    }
    dtypes.set(key, dtype);
  }
  return dtypes;
}

/** All tensors that a value holds, however deep; a value may hold itself. */
function* tensorsWithin(root: PickleValue): Generator<PytorchTensor> {
  const seen = new Set<PickleValue>();
  const open = [root];
  while (open.length > 0) {
    const value = open.pop()!;
    if (typeof value !== "object" || value === null || seen.has(value)) {
      continue;
    }
    seen.add(value);
    if (value instanceof PytorchTensor) yield value;
    else if (value instanceof Map) {
      for (const v of value.values()) open.push(v);
    } else if (Array.isArray(value)) { for (const v of value) open.push(v); }
    else if ("items" in value) { for (const v of value.items) open.push(v); }
  }
}

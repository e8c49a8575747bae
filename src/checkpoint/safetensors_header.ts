import { CheckpointError } from "../fusion_error.ts";
import { duplicateKey } from "./duplicate_key.ts";
import { DTYPE_BYTES } from "./element_type.ts";
import { shown } from "./shown.ts";
import type { DType, TensorInfo } from "./state_dict.ts";

/** Bytes before the header: its length, a little-endian unsigned integer. */
export const LENGTH_BYTES = 8;

/** Longest header that is read, as in the safetensors library. */
export const LARGEST_HEADER = 100_000_000;

/** A tensor and where its elements lie. */
export interface TensorEntry extends TensorInfo {
  /** First byte, from the file's begin. */
  readonly position: number;
}

/** What a safetensors header says. */
export interface SafetensorsHeader {
  /** Tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Free text by key, from `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Length that the file must have, in bytes. */
  readonly fileSize: number;
}

/**
 * Reads and checks the header of a safetensors file.
 *
 * @param path What error messages call the file.
 * @param bytes The header, without the length before it.
 * @see https://huggingface.co/docs/safetensors/index#format
 * @throws {CheckpointError} If the header is not valid.
 */
export function parseSafetensorsHeader(
  path: string,
  bytes: Uint8Array,
): SafetensorsHeader {
  const fail = (problem: string): never => {
    throw new CheckpointError(`${path}: ${problem}`);
  };
  const json = parseObject(bytes, fail);
  const dataBegin = LENGTH_BYTES + bytes.length;
  const tensors: [string, TensorEntry, number][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") {
      metadata = checkMetadata(value, fail);
      continue;
    }
    const { dtype, shape, begin, end } = checkTensor(
      value,
      (problem) => fail(`tensor ${shown(name)} ${problem}`),
    );
    const position = dataBegin + begin;
    tensors.push([name, { dtype, shape, position }, dataBegin + end]);
  }

  tensors.sort((a, b) => a[1].position - b[1].position || a[2] - b[2]);
  let fileSize = dataBegin;
  let previous = "";
  for (const [name, { position }, end] of tensors) {
    if (position < fileSize) {
      fail(
        `tensors ${shown(previous)} and ${
          shown(name)
        } overlap: expected each byte to belong to one tensor`,
      );
    }
    fileSize = end;
    previous = name;
  }
  return {
    tensors: new Map(tensors.map(([name, entry]) => [name, entry])),
    metadata,
    fileSize,
  };
}

type Fail = (problem: string) => never;

function parseObject(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch {
    return fail("the header is not valid UTF-8");
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail("the header is not valid JSON");
  }
  if (!isObject(json)) {
    return fail("the header is not a JSON object of tensors");
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    fail(
      `the header has ${shown(twice)} twice, expected every name once`,
    );
  }
  return json;
}

function checkMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (!isObject(value)) return fail("__metadata__ is not an object of strings");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      fail(
        `__metadata__ has ${shown(text)} for ${shown(key)}, expected a string`,
      );
    }
  }
  return value as Record<string, string>;
}

function checkTensor(
  value: unknown,
  fail: Fail,
): TensorInfo & { begin: number; end: number } {
  if (!isObject(value)) {
    return fail("is not an object with dtype, shape and data_offsets");
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    return fail(
      `has dtype ${shown(dtype)}, expected one of ${
        Object.keys(DTYPE_BYTES).join(", ")
      }`,
    );
  }
  if (!isListOfSizes(shape)) {
    return fail(
      `has shape ${shown(shape)}, expected non-negative integers`,
    );
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2) {
    return fail(
      `has data_offsets ${shown(offsets)}, expected [begin, end] in bytes`,
    );
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) {
    fail(`begins at byte ${begin}, after its end at byte ${end}`);
  }
  const expected = byteCount(shape, DTYPE_BYTES[dtype as DType]);
  if (end - begin !== expected) {
    fail(
      `has ${
        end - begin
      } bytes, expected ${expected} for shape [${shape}] of ${dtype}`,
    );
  }
  return { dtype: dtype as DType, shape, begin, end };
}

/** Bytes of a shape; larger than any file where the product is not exact. */
function byteCount(shape: readonly number[], elementBytes: number): number {
  if (shape.includes(0)) return 0;
  const bytes = shape.reduce((product, size) => product * size, elementBytes);
  return Number.isSafeInteger(bytes) ? bytes : Infinity;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) &&
    value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

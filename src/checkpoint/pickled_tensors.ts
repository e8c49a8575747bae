import { STORAGES } from "./pytorch_globals.ts";
import { type DType, elementCount } from "./state_dict.ts";

/** A tensor that a pickle names; its elements are in the storage of its index. */
interface PickledTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

const GLOBAL = (module: string, name: string): string =>
  `c${module}\n${name}\n`;
const ORDERED_DICT = `${GLOBAL("collections", "OrderedDict")})R`;
const REBUILD = GLOBAL("torch._utils", "_rebuild_tensor_v2");

/**
 * The `data.pkl` of an `OrderedDict` of contiguous tensors, each with a storage
 * of its own: "0", "1", …, as `torch.save` writes it with protocol 2.
 */
export function pickleTensors(
  tensors: readonly PickledTensor[],
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const put = (...codes: (string | Uint8Array)[]): void => {
    for (const code of codes) {
      parts.push(typeof code === "string" ? latin(code) : code);
    }
  };
  put("\x80\x02", ORDERED_DICT, "(");
  for (const [key, { name, dtype, shape }] of tensors.entries()) {
    put(text(name), REBUILD, "(");
    // The storage, by a persistent id, and where the tensor begins in it.
    put("(", text("storage"), GLOBAL("torch", storageOf(dtype)));
    put(text(`${key}`), text("cpu"), integer(elementCount(shape)), "tQ");
    put(integer(0), tuple(shape), tuple(stridesOf(shape)));
    // It wants no gradient, and has no hooks.
    put("\x89", ORDERED_DICT, "tR");
  }
  put("u.");
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function storageOf(dtype: DType): string {
  const found = Object.entries(STORAGES).find(([, type]) => type === dtype);
  return found![0];
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let i = shape.length - 1, stride = 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= Math.max(1, shape[i]!);
  }
  return strides;
}

function latin(codes: string): Uint8Array {
  return Uint8Array.from(codes, (letter) => letter.charCodeAt(0));
}

/** BINUNICODE */
function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  const all = new Uint8Array(5 + bytes.length);
  all[0] = "X".charCodeAt(0);
  new DataView(all.buffer).setUint32(1, bytes.length, true);
  all.set(bytes, 5);
  return all;
}

/** BININT, or LONG1 of eight bytes. */
function integer(value: number): Uint8Array {
  const small = value < 2 ** 31;
  const all = new Uint8Array(small ? 5 : 10);
  const view = new DataView(all.buffer);
  all[0] = small ? "J".charCodeAt(0) : 0x8a;
  if (small) view.setInt32(1, value, true);
  else {
    all[1] = 8;
    view.setBigInt64(2, BigInt(value), true);
  }
  return all;
}

function tuple(values: readonly number[]): Uint8Array {
  const items = values.map(integer);
  const all = new Uint8Array(2 + items.reduce((sum, i) => sum + i.length, 0));
  all[0] = "(".charCodeAt(0);
  let at = 1;
  for (const item of items) {
    all.set(item, at);
    at += item.length;
  }
  all[at] = "t".charCodeAt(0);
  return all;
}

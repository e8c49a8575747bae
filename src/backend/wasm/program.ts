/**
 * A WebAssembly program that works on the memory of TensorFlow.js' backend:
 * what its own kernels take a scalar function or many passes for.
 *
 * @module
 */
import {
  advance,
  advanceBy,
  assemble,
  type Code,
  copyMemory,
  F32,
  fillMemory,
  float,
  get,
  I32,
  integer,
  lanes,
  load,
  repeat,
  scalar,
  set,
  store,
  sumOf,
  V128,
  vector,
  type WasmFunction,
} from "../../wasm_assembly.ts";
import { gelu } from "./gelu.ts";
import { depthwise, RUN_PIXELS } from "./depthwise.ts";
import { product, TILE_ROWS } from "./product.ts";

/** relu(address, end): negative values become 0. */
function relu(): Code {
  const [address, end] = [0, 1];
  return repeat(
    [
      ...get(address),
      ...load(address),
      ...vector(0),
      ...lanes.most,
      ...store,
      ...advance(address),
    ],
    address,
    end,
  );
}

/** add(address, end, other): each value gets its counterpart added. */
function add(): Code {
  const [address, end, other] = [0, 1, 2];
  return repeat(
    [
      ...get(address),
      ...load(address),
      ...load(other),
      ...lanes.plus,
      ...store,
      ...advance(address, other),
    ],
    address,
    end,
  );
}

/**
 * layerNorm(address, end, output, weight, bias, rowBytes, channels, epsilon,
 * rowStep, vectorStep): normalizes row after row. Row r's vector v goes to
 * output + r * rowStep + v * vectorStep.
 */
function layerNorm(): Code {
  const [address, end, output, weight, bias] = [0, 1, 2, 3, 4];
  const [rowBytes, channels, epsilon, rowStep, vectorStep] = [5, 6, 7, 8, 9];
  const [at, rowEnd, w, b, place] = [10, 11, 12, 13, 14];
  const [sum, mean, scale] = [15, 16, 17];
  const startRow: Code = [
    ...get(address),
    ...set(at),
    ...vector(0),
    ...set(sum),
  ];
  return repeat(
    [
      ...get(address),
      ...get(rowBytes),
      ...scalar.add,
      ...set(rowEnd),
      ...startRow,
      ...repeat(
        [...get(sum), ...load(at), ...lanes.plus, ...set(sum), ...advance(at)],
        at,
        rowEnd,
      ),
      ...sumOf(sum),
      ...get(channels),
      ...scalar.over,
      ...lanes.splat,
      ...set(mean),
      ...startRow,
      ...repeat(
        [
          ...load(at),
          ...get(mean),
          ...lanes.minus,
          ...set(scale),
          ...get(sum),
          ...get(scale),
          ...get(scale),
          ...lanes.times,
          ...lanes.plus,
          ...set(sum),
          ...advance(at),
        ],
        at,
        rowEnd,
      ),
      ...float(1),
      ...sumOf(sum),
      ...get(channels),
      ...scalar.over,
      ...get(epsilon),
      ...scalar.plus,
      ...scalar.sqrt,
      ...scalar.over,
      ...lanes.splat,
      ...set(scale),
      ...get(address),
      ...set(at),
      ...get(weight),
      ...set(w),
      ...get(bias),
      ...set(b),
      ...get(output),
      ...set(place),
      ...repeat(
        [
          ...get(place),
          ...load(at),
          ...get(mean),
          ...lanes.minus,
          ...get(scale),
          ...lanes.times,
          ...load(w),
          ...lanes.times,
          ...load(b),
          ...lanes.plus,
          ...store,
          ...advance(at, w, b),
          ...advanceBy(place, get(vectorStep)),
        ],
        at,
        rowEnd,
      ),
      ...advanceBy(output, get(rowStep)),
      ...get(rowEnd),
      ...set(address),
    ],
    address,
    end,
  );
}

/**
 * The functions of {@linkcode wasmProgram}, with addresses and steps in bytes;
 * every range holds a multiple of four values.
 */
export interface WasmProgram {
  /** Puts zeros into as many bytes. */
  clear(address: number, bytes: number): void;
  /** Copies as many bytes. */
  copy(to: number, from: number, bytes: number): void;
  /** Exact GELU, in place. */
  gelu(address: number, end: number): void;
  /** ReLU, in place. */
  relu(address: number, end: number): void;
  /** Adds another range, in place. */
  add(address: number, end: number, other: number): void;
  /** LayerNorm of rows. */
  layerNorm(
    address: number,
    end: number,
    output: number,
    weight: number,
    bias: number,
    rowBytes: number,
    channels: number,
    epsilon: number,
    rowStep: number,
    vectorStep: number,
  ): void;
  /** `product1` to `product4` and `depthwise1` to `depthwise7`. */
  [name: `${"product" | "depthwise"}${number}`]: (...numbers: number[]) => void;
}

/** The functions, and the types of what they take and keep. */
function definitions(): WasmFunction[] {
  return [
    gelu(),
    {
      name: "clear",
      parameters: [I32, I32],
      locals: [],
      code: [...get(0), ...integer(0), ...get(1), ...fillMemory],
    },
    {
      name: "copy",
      parameters: [I32, I32, I32],
      locals: [],
      code: [...get(0), ...get(1), ...get(2), ...copyMemory],
    },
    { name: "relu", parameters: [I32, I32], locals: [], code: relu() },
    { name: "add", parameters: [I32, I32, I32], locals: [], code: add() },
    {
      name: "layerNorm",
      parameters: [I32, I32, I32, I32, I32, I32, F32, F32, I32, I32],
      locals: [I32, I32, I32, I32, I32, V128, V128, V128],
      code: layerNorm(),
    },
    ...Array.from({ length: TILE_ROWS }, (_, i) => product(i + 1)),
    ...Array.from({ length: RUN_PIXELS }, (_, i) => depthwise(i + 1)),
  ];
}

/**
 * The program's binary, which imports `tfjs.memory`.
 *
 * @param shared Whether that memory is shared with threads.
 */
export function wasmProgram(shared: boolean): Uint8Array<ArrayBuffer> {
  return assemble(definitions(), { module: "tfjs", shared });
}

/**
 * A WebAssembly program that works on the memory of TensorFlow.js' backend:
 * what its own kernels take a scalar function or many passes for.
 *
 * @module
 */
import {
  advance,
  assemble,
  type Code,
  F32,
  float,
  get,
  I32,
  lanes,
  load,
  polynomial,
  repeat,
  scalar,
  set,
  store,
  sumOf,
  V128,
  vector,
  type WasmFunction,
} from "../../wasm_assembly.ts";

// erf(x) = x P(x²) / Q(x²) for |x| < 4 to a few units of the last place: the
// rational function that Eigen and XLA take too.
const NUMERATOR = [
  -2.72614225801306e-10,
  2.77068142495902e-08,
  -2.10102402082508e-06,
  -5.69250639462346e-05,
  -7.34990630326855e-04,
  -2.95459980854025e-03,
  -1.60960333262415e-02,
];
const DENOMINATOR = [
  -1.45660718464996e-05,
  -2.13374055278905e-04,
  -1.68282697438203e-03,
  -7.37332916720468e-03,
  -1.42647390514189e-02,
];

/** gelu(address, end): each value x becomes x (1 + erf(x / √2)) / 2. */
function gelu(): Code {
  const [address, end, x, t, square] = [0, 1, 2, 3, 4];
  return repeat(
    [
      ...load(address),
      ...set(x),
      ...get(x),
      ...vector(Math.SQRT1_2),
      ...lanes.times,
      ...vector(-4),
      ...lanes.most,
      ...vector(4),
      ...lanes.least,
      ...set(t),
      ...get(t),
      ...get(t),
      ...lanes.times,
      ...set(square),
      ...get(address),
      ...get(t),
      ...polynomial(square, NUMERATOR),
      ...lanes.times,
      ...polynomial(square, DENOMINATOR),
      ...lanes.over,
      ...vector(1),
      ...lanes.plus,
      ...get(x),
      ...vector(0.5),
      ...lanes.times,
      ...lanes.times,
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
 * layerNorm(address, end, output, weight, bias, rowBytes, channels, epsilon):
 * normalizes row after row.
 */
function layerNorm(): Code {
  const [address, end, output, weight, bias, rowBytes, channels, epsilon] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
  ];
  const [at, rowEnd, w, b] = [8, 9, 10, 11];
  const [sum, mean, scale] = [12, 13, 14];
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
      ...repeat(
        [
          ...get(output),
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
          ...advance(at, output, w, b),
        ],
        at,
        rowEnd,
      ),
      ...get(rowEnd),
      ...set(address),
    ],
    address,
    end,
  );
}

/** The functions, and the types of what they take and keep. */
function definitions(): WasmFunction[] {
  return [
    {
      name: "gelu",
      parameters: [I32, I32],
      locals: [V128, V128, V128],
      code: gelu(),
    },
    { name: "add", parameters: [I32, I32, I32], locals: [], code: add() },
    {
      name: "layerNorm",
      parameters: [I32, I32, I32, I32, I32, I32, F32, F32],
      locals: [I32, I32, I32, I32, V128, V128, V128],
      code: layerNorm(),
    },
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

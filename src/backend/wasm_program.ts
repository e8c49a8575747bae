/**
 * A WebAssembly program that works on the memory of TensorFlow.js' backend:
 * what its own kernels take a scalar function or many passes for. Written with
 * the few instructions that it needs, https://webassembly.github.io/spec/core/.
 *
 * @module
 */

/** Instructions, as bytes. */
type Code = readonly number[];

/** An unsigned number in LEB128. */
function unsigned(value: number): number[] {
  return value < 128
    ? [value]
    : [value & 127 | 128, ...unsigned(Math.floor(value / 128))];
}

function float(value: number): Code {
  return [0x43, ...new Uint8Array(new Float32Array([value]).buffer)];
}

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const bytes = (count: number): Code => [0x41, count];
const simd = (instruction: number): Code => [0xfd, ...unsigned(instruction)];
const load = (address: number): Code => [...get(address), ...simd(0), 0, 0];
const store: Code = [...simd(0x0b), 0, 0];
const splat = simd(0x13);
const vector = (value: number): Code => [...float(value), ...splat];
const lane = (index: number): Code => [...simd(0x1f), index];
const plus = simd(0xe4);
const minus = simd(0xe5);
const times = simd(0xe6);
const over = simd(0xe7);
const least = simd(0xe8);
const most = simd(0xe9);
const scalar = { sqrt: 0x91, plus: 0x92, over: 0x95 };

/** Goes 16 bytes on with each address. */
function advance(...addresses: number[]): Code {
  return addresses.flatMap((address) => [
    ...get(address),
    ...bytes(16),
    0x6a,
    ...set(address),
  ]);
}

/** Repeats while the address is below the end; at least once. */
function repeat(body: Code, address: number, end: number): Code {
  return [
    0x03,
    0x40,
    ...body,
    ...get(address),
    ...get(end),
    0x49,
    0x0d,
    0,
    0x0b,
  ];
}

/** A polynomial of a local, highest coefficient first. */
function polynomial(local: number, coefficients: readonly number[]): Code {
  return coefficients.flatMap((coefficient, i) =>
    i === 0
      ? [...vector(coefficient)]
      : [...get(local), ...times, ...vector(coefficient), ...plus]
  );
}

/** The sum of a vector's four values. */
function sumOf(local: number): Code {
  return [0, 1, 2, 3].flatMap((index) => [
    ...get(local),
    ...lane(index),
    ...(index === 0 ? [] : [scalar.plus]),
  ]);
}

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
      ...times,
      ...vector(-4),
      ...most,
      ...vector(4),
      ...least,
      ...set(t),
      ...get(t),
      ...get(t),
      ...times,
      ...set(square),
      ...get(address),
      ...get(t),
      ...polynomial(square, NUMERATOR),
      ...times,
      ...polynomial(square, DENOMINATOR),
      ...over,
      ...vector(1),
      ...plus,
      ...get(x),
      ...vector(0.5),
      ...times,
      ...times,
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
      ...plus,
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
      0x6a,
      ...set(rowEnd),
      ...startRow,
      ...repeat(
        [...get(sum), ...load(at), ...plus, ...set(sum), ...advance(at)],
        at,
        rowEnd,
      ),
      ...sumOf(sum),
      ...get(channels),
      scalar.over,
      ...splat,
      ...set(mean),
      ...startRow,
      ...repeat(
        [
          ...load(at),
          ...get(mean),
          ...minus,
          ...set(scale),
          ...get(sum),
          ...get(scale),
          ...get(scale),
          ...times,
          ...plus,
          ...set(sum),
          ...advance(at),
        ],
        at,
        rowEnd,
      ),
      ...float(1),
      ...sumOf(sum),
      ...get(channels),
      scalar.over,
      ...get(epsilon),
      scalar.plus,
      scalar.sqrt,
      scalar.over,
      ...splat,
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
          ...minus,
          ...get(scale),
          ...times,
          ...load(w),
          ...times,
          ...load(b),
          ...plus,
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

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

interface Definition {
  name: string;
  parameters: number[];
  locals: number[];
  code: Code;
}

/** The functions, and the types of what they take and keep. */
function definitions(): Definition[] {
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

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)]);
}

/**
 * The program's binary, which imports `tfjs.memory`.
 *
 * @param shared Whether that memory is shared with threads.
 */
export function wasmProgram(shared: boolean): Uint8Array<ArrayBuffer> {
  const functions = definitions();
  const limits = shared ? [3, 0, ...unsigned(65536)] : [0, 0];
  const sections: [number, number[]][] = [
    [1, list(functions.map((f) => [0x60, ...sized(f.parameters), 0]))],
    [2, list([[...text("tfjs"), ...text("memory"), 2, ...limits]])],
    [3, list(functions.map((_, i) => [i]))],
    [7, list(functions.map((f, i) => [...text(f.name), 0, i]))],
    [
      10,
      list(
        functions.map((f) =>
          sized([...list(f.locals.map((type) => [1, type])), ...f.code, 0x0b])
        ),
      ),
    ],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...sections.flatMap(([id, content]) => [id, ...sized(content)]),
  ]);
}

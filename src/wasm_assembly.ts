/**
 * Writes small WebAssembly programs, with the few instructions that this
 * project's loops over float32 numbers need: four at a time, which JavaScript
 * cannot do. https://webassembly.github.io/spec/core/
 *
 * @module
 */

/** Instructions, as bytes. */
export type Code = readonly number[];

/** Type of a 32 bit integer, such as an address. */
export const I32 = 0x7f;
/** Type of a float32 number. */
export const F32 = 0x7d;
/** Type of a vector of four 32 bit lanes. */
export const V128 = 0x7b;

/** An unsigned number in LEB128. */
function unsigned(value: number): number[] {
  return value < 128
    ? [value]
    : [value & 127 | 128, ...unsigned(Math.floor(value / 128))];
}

/** A signed 32 bit number in LEB128. */
function signed(value: number): number[] {
  return value >= -64 && value < 64
    ? [value & 127]
    : [value & 127 | 128, ...signed(value >> 7)];
}

/** A float32 constant. */
export function float(value: number): Code {
  return [0x43, ...new Uint8Array(new Float32Array([value]).buffer)];
}

/** A 32 bit integer constant. */
export function integer(value: number): Code {
  return [0x41, ...signed(value)];
}

/** A local's value. */
export function get(local: number): Code {
  return [0x20, local];
}

/** Sets a local. */
export function set(local: number): Code {
  return [0x21, local];
}

/** Sets a local, whose value stays on the stack. */
export function tee(local: number): Code {
  return [0x22, local];
}

/** Instructions on numbers. */
export const scalar = {
  /** Square root. */
  sqrt: [0x91],
  /** Sum. */
  plus: [0x92],
  /** Quotient. */
  over: [0x95],
  /** Sum of integers. */
  add: [0x6a],
  /** Difference of integers. */
  subtract: [0x6b],
  /** Bits that both integers have. */
  and: [0x71],
  /** Integer shifted left. */
  shiftLeft: [0x74],
  /** Integer shifted right, zeros coming in. */
  shiftRight: [0x76],
  /** Whether an integer is below another, both without sign. */
  isBelow: [0x49],
  /** The integer at an address. */
  load: [0x28, 2, 0],
  /** Puts an integer at an address. */
  store: [0x36, 2, 0],
} as const satisfies Record<string, Code>;

function simd(instruction: number): Code {
  return [0xfd, ...unsigned(instruction)];
}

/** Instructions on vectors of four numbers, or of four integers. */
export const lanes = {
  /** Four times a number. */
  splat: simd(0x13),
  /** Sum. */
  plus: simd(0xe4),
  /** Difference. */
  minus: simd(0xe5),
  /** Product. */
  times: simd(0xe6),
  /**
   * The first times the second plus the third, rounded once where the
   * processor can: an instruction of "relaxed SIMD", which a runtime may lack.
   */
  multiplyAdd: simd(0x105),
  /** Quotient. */
  over: simd(0xe7),
  /** Minimum. */
  least: simd(0xe8),
  /** Maximum. */
  most: simd(0xe9),
  /** Integers as numbers. */
  fromIntegers: simd(0xfa),
  /** All bits where numbers are below others. */
  isBelow: simd(0x43),
  /** All bits where numbers are above others. */
  isAbove: simd(0x44),
  /** Four times an integer. */
  splatInteger: simd(0x11),
  /** Sum of integers. */
  add: simd(0xae),
  /** Difference of integers. */
  subtract: simd(0xb1),
  /** Maximum of integers without sign. */
  largest: simd(0xb9),
  /** All bits where integers are equal. */
  isSame: simd(0x37),
  /** All bits where integers are at least others. */
  isAtLeast: simd(0x3f),
  /** All bits where integers are below others. */
  isLess: simd(0x39),
  /** All bits where integers without sign are below others. */
  isLower: simd(0x3a),
  /** Integers shifted right, the sign coming in. */
  shiftSign: simd(0xac),
  /** Bits that both have. */
  and: simd(0x4e),
  /** Bits of the first that the second has not. */
  andNot: simd(0x4f),
  /** Bits that either has. */
  or: simd(0x50),
  /** Bits that one has. */
  xor: simd(0x51),
  /** Whether any bit is set. */
  any: simd(0x53),
} as const satisfies Record<string, Code>;

/** A vector of one number. */
export function vector(value: number): Code {
  return [...float(value), ...lanes.splat];
}

/** A vector of one integer. */
export function integers(value: number): Code {
  return [...integer(value), ...lanes.splatInteger];
}

/** A vector's number. */
export function lane(index: number): Code {
  return [...simd(0x1f), index];
}

/** A vector's integer. */
export function integerLane(index: number): Code {
  return [...simd(0x1b), index];
}

/** The vector at an address that a local holds, or some bytes after it. */
export function load(address: number, offset = 0): Code {
  return [...get(address), ...simd(0), 0, ...unsigned(offset)];
}

/** A vector of four times a local's number at an index. */
export function spreadLane(local: number, index: number): Code {
  const bytes = [0, 1, 2, 3].map((byte) => 4 * index + byte);
  return [
    ...get(local),
    ...get(local),
    ...simd(13),
    ...[bytes, bytes, bytes, bytes].flat(),
  ];
}

/** Puts a vector at an address. */
export const store: Code = [...simd(0x0b), 0, 0];

/** Puts zeros: takes an address, 0 and how many bytes. */
export const fillMemory: Code = [0xfc, 11, 0];

/** Copies: takes the address to write, that to read and how many bytes. */
export const copyMemory: Code = [0xfc, 10, 0, 0];

/** Goes on with an address by as many bytes as the code gives. */
export function advanceBy(address: number, bytes: Code): Code {
  return [...get(address), ...bytes, ...scalar.add, ...set(address)];
}

/** Goes 16 bytes on with each address. */
export function advance(...addresses: number[]): Code {
  return addresses.flatMap((address) => advanceBy(address, integer(16)));
}

/** Repeats while the address is below the end; at least once. */
export function repeat(body: Code, address: number, end: number): Code {
  return [
    0x03,
    0x40,
    ...body,
    ...get(address),
    ...get(end),
    ...scalar.isBelow,
    0x0d,
    0,
    0x0b,
  ];
}

/** Does something if the integer on the stack is not 0. */
export function when(body: Code): Code {
  return [0x04, 0x40, ...body, 0x0b];
}

/** The sum of a vector's four numbers. */
export function sumOf(local: number): Code {
  return [0, 1, 2, 3].flatMap((index) => [
    ...get(local),
    ...lane(index),
    ...(index === 0 ? [] : scalar.plus),
  ]);
}

/** A function of a program. */
export interface WasmFunction {
  /** Its name. */
  name: string;
  /** Types of what it takes: the first locals. */
  parameters: readonly number[];
  /** Type of what it gives, if anything. */
  result?: number;
  /** Types of the locals that follow. */
  locals: readonly number[];
  /** What it does. */
  code: Code;
}

/** The memory that a program works on. */
export interface ImportedMemory {
  /** Name of the module that it is imported from, under the name `memory`. */
  module: string;
  /** Whether it is shared with threads. @default {false} */
  shared?: boolean;
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

/** A program's binary. */
export function assemble(
  functions: readonly WasmFunction[],
  { module, shared = false }: ImportedMemory,
): Uint8Array<ArrayBuffer> {
  // One page at least: with it, the runtime checks less on each access.
  const limits = shared ? [3, 1, ...unsigned(65536)] : [0, 1];
  const sections: [number, number[]][] = [
    [
      1,
      list(functions.map(({ parameters, result }) => [
        0x60,
        ...sized(parameters),
        ...sized(result === undefined ? [] : [result]),
      ])),
    ],
    [2, list([[...text(module), ...text("memory"), 2, ...limits]])],
    [3, list(functions.map((_, i) => [i]))],
    [7, list(functions.map(({ name }, i) => [...text(name), 0, i]))],
    [
      10,
      list(
        functions.map(({ locals, code }) =>
          sized([...list(locals.map((type) => [1, type])), ...code, 0x0b])
        ),
      ),
    ],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...sections.flatMap(([id, content]) => [id, ...sized(content)]),
  ]);
}

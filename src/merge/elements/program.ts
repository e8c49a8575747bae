import {
  advance,
  assemble,
  type Code,
  F32,
  get,
  I32,
  integer,
  integerLane,
  integers,
  lanes,
  load,
  repeat,
  scalar,
  set,
  store,
  sumOf,
  tee,
  V128,
  vector,
  type WasmFunction,
  when,
} from "../../wasm_assembly.ts";

/** A positive sign that nobody elected. */
export const NO_SIGN = 1;

const MAGNITUDE = 0x7fffffff;
const SIGN = -0x80000000;

/** What every function takes first: the vectors in [address, end). */
const [address, end, other, extra] = [0, 1, 2, 3];

/** Puts a value at an address. */
function update(at: number, value: Code): Code {
  return [...get(at), ...value, ...store];
}

/** Goes over the vectors, and on with each of the addresses. */
function each(addresses: readonly number[], body: Code): Code {
  return repeat([...body, ...advance(...addresses)], address, end);
}

/** The bits of a vector's magnitudes. */
function magnitudes(vector: Code): Code {
  return [...vector, ...integers(MAGNITUDE), ...lanes.and];
}

/** a (op) b into a, of each value and its counterpart. */
function combine(operation: Code): Pick<
  WasmFunction,
  "parameters" | "locals" | "code"
> {
  return {
    parameters: [I32, I32, I32],
    locals: [],
    code: each(
      [address, other],
      update(address, [...load(address), ...load(other), ...operation]),
    ),
  };
}

/** a (op) number into a. */
function combineNumber(operation: Code): Pick<
  WasmFunction,
  "parameters" | "locals" | "code"
> {
  return {
    parameters: [I32, I32, F32],
    locals: [],
    code: each(
      [address],
      update(address, [
        ...load(address),
        ...get(other),
        ...lanes.splat,
        ...operation,
      ]),
    ),
  };
}

/** address += other * factor. */
const addScaled: Code = each(
  [address, other],
  update(address, [
    ...load(address),
    ...load(other),
    ...get(extra),
    ...lanes.splat,
    ...lanes.times,
    ...lanes.plus,
  ]),
);

/** The sum of 0 * x: 0, or NaN if a value is NaN or infinite. */
const timesZero: Code = [
  ...each([address], [
    ...load(address),
    ...vector(0),
    ...lanes.times,
    ...get(2),
    ...lanes.plus,
    ...set(2),
  ]),
  ...sumOf(2),
];

/** Puts 0 for magnitudes whose bits are below `extra`; other += the rest. */
const trimAndAdd: Code = each([address, other], [
  ...update(address, [
    ...load(address),
    ...magnitudes(load(address)),
    ...get(extra),
    ...lanes.splatInteger,
    ...lanes.isAtLeast,
    ...lanes.and,
    ...tee(4),
  ]),
  ...update(other, [...load(other), ...get(4), ...lanes.plus]),
]);

/** Bits of the signs of sums; where a sum is 0, those of `other`. */
const electSigns: Code = each(
  [address],
  [
    ...magnitudes(load(address)),
    ...integers(0),
    ...lanes.isSame,
    ...set(3),
    ...update(address, [
      ...load(address),
      ...integers(SIGN),
      ...lanes.and,
      ...get(3),
      ...lanes.andNot,
      ...get(other),
      ...lanes.splatInteger,
      ...get(3),
      ...lanes.and,
      ...lanes.or,
    ]),
  ],
);

/** Puts 0 for values of another sign than `other`'s. */
const keepAgreeing: Code = each(
  [address, other],
  update(address, [
    ...load(address),
    ...load(address),
    ...load(other),
    ...lanes.xor,
    ...integer(31),
    ...lanes.shiftSign,
    ...lanes.andNot,
  ]),
);

/** other += 1 where a value is not 0. */
const countNonzero: Code = each(
  [address, other],
  update(other, [
    ...load(other),
    ...integers(1),
    ...lanes.add,
    ...magnitudes(load(address)),
    ...integers(0),
    ...lanes.isSame,
    ...lanes.add,
  ]),
);

/** Divides by the counts at `other`, or by 1. */
const divideByCounts: Code = each(
  [address, other],
  update(address, [
    ...load(address),
    ...load(other),
    ...integers(1),
    ...lanes.largest,
    ...lanes.fromIntegers,
    ...lanes.over,
  ]),
);

/** The larger magnitude into `other`. */
const takeLargest: Code = each(
  [address, other],
  update(other, [
    ...load(other),
    ...magnitudes(load(address)),
    ...lanes.largest,
  ]),
);

/** Gives magnitudes the signs at `other`: 0 where nobody elected one. */
const giveSigns: Code = each(
  [address, other],
  update(address, [
    ...load(address),
    ...load(other),
    ...integers(SIGN),
    ...lanes.and,
    ...lanes.or,
    ...load(other),
    ...integers(NO_SIGN),
    ...lanes.isSame,
    ...lanes.andNot,
  ]),
);

/** How many values are above 0, less how many are below. */
const sumOfSigns: Code = [
  ...each([address], [
    ...get(2),
    ...load(address),
    ...vector(0),
    ...lanes.isBelow,
    ...lanes.add,
    ...load(address),
    ...vector(0),
    ...lanes.isAbove,
    ...lanes.subtract,
    ...set(2),
  ]),
  ...[0, 1, 2, 3].flatMap((index) => [
    ...get(2),
    ...integerLane(index),
    ...(index === 0 ? [] : scalar.add),
  ]),
];

/**
 * countMagnitudes(address, end, low, width, shift, bins): counts magnitudes
 * whose bits are in [low, low + width) in bins of 2^shift; gives how many are
 * below.
 */
function countMagnitudes(): Code {
  const [low, width, shift, bins] = [2, 3, 4, 5];
  const [one, at] = [6, 7];
  const [bits, below] = [8, 9];
  const countOne = (index: number): Code => [
    ...get(bits),
    ...integerLane(index),
    ...tee(one),
    ...get(width),
    ...scalar.isBelow,
    ...when([
      ...get(bins),
      ...get(one),
      ...get(shift),
      ...scalar.shiftRight,
      ...integer(2),
      ...scalar.shiftLeft,
      ...scalar.add,
      ...tee(at),
      ...get(at),
      ...scalar.load,
      ...integer(1),
      ...scalar.add,
      ...scalar.store,
    ]),
  ];
  return [
    ...each([address], [
      ...get(below),
      ...magnitudes(load(address)),
      ...get(low),
      ...lanes.splatInteger,
      ...lanes.subtract,
      ...tee(bits),
      ...integers(0),
      ...lanes.isLess,
      ...lanes.add,
      ...set(below),
      ...get(bits),
      ...get(width),
      ...lanes.splatInteger,
      ...lanes.isLower,
      ...lanes.any,
      ...when([0, 1, 2, 3].flatMap(countOne)),
    ]),
    ...integer(0),
    ...[0, 1, 2, 3].flatMap((index) => [
      ...get(below),
      ...integerLane(index),
      ...scalar.subtract,
    ]),
  ];
}

/** The loops that element methods are made of. */
function definitions(): WasmFunction[] {
  const two = [I32, I32];
  const three = [I32, I32, I32];
  return [
    { name: "add", ...combine(lanes.plus) },
    { name: "subtract", ...combine(lanes.minus) },
    { name: "scale", ...combineNumber(lanes.times) },
    { name: "divide", ...combineNumber(lanes.over) },
    {
      name: "addScaled",
      parameters: [I32, I32, I32, F32],
      locals: [],
      code: addScaled,
    },
    {
      name: "timesZero",
      parameters: two,
      result: F32,
      locals: [V128],
      code: timesZero,
    },
    {
      name: "trimAndAdd",
      parameters: [I32, I32, I32, I32],
      locals: [V128],
      code: trimAndAdd,
    },
    {
      name: "electSigns",
      parameters: three,
      locals: [V128],
      code: electSigns,
    },
    { name: "keepAgreeing", parameters: three, locals: [], code: keepAgreeing },
    { name: "countNonzero", parameters: three, locals: [], code: countNonzero },
    {
      name: "divideByCounts",
      parameters: three,
      locals: [],
      code: divideByCounts,
    },
    { name: "takeLargest", parameters: three, locals: [], code: takeLargest },
    { name: "giveSigns", parameters: three, locals: [], code: giveSigns },
    {
      name: "sumOfSigns",
      parameters: two,
      result: I32,
      locals: [V128],
      code: sumOfSigns,
    },
    {
      name: "countMagnitudes",
      parameters: [I32, I32, I32, I32, I32, I32],
      result: I32,
      locals: [I32, I32, V128, V128],
      code: countMagnitudes(),
    },
  ];
}

/** What the program exports; addresses are bytes in its memory. */
export interface ElementProgram {
  /** address += other. */
  add(address: number, end: number, other: number): void;
  /** address -= other. */
  subtract(address: number, end: number, other: number): void;
  /** address *= factor. */
  scale(address: number, end: number, factor: number): void;
  /** address /= divisor. */
  divide(address: number, end: number, divisor: number): void;
  /** address += other * factor. */
  addScaled(address: number, end: number, other: number, factor: number): void;
  /** 0, or NaN if a value is NaN or infinite. */
  timesZero(address: number, end: number): number;
  /** Puts 0 for what is below a threshold, given as bits; other += the rest. */
  trimAndAdd(
    address: number,
    end: number,
    other: number,
    threshold: number,
  ): void;
  /** The bits of the sums' signs; `instead` where a sum is 0. */
  electSigns(address: number, end: number, instead: number): void;
  /** Puts 0 for values of another sign than `signs`'. */
  keepAgreeing(address: number, end: number, signs: number): void;
  /** counts += 1 where a value is not 0. */
  countNonzero(address: number, end: number, counts: number): void;
  /** address /= counts, or 1 where that is 0. */
  divideByCounts(address: number, end: number, counts: number): void;
  /** largest = max(largest, |address|). */
  takeLargest(address: number, end: number, largest: number): void;
  /** Gives magnitudes signs: 0 where nobody elected one. */
  giveSigns(address: number, end: number, signs: number): void;
  /** How many values are above 0, less how many are below. */
  sumOfSigns(address: number, end: number): number;
  /**
   * Counts magnitudes whose bits are in [low, low + width) in bins of 2^shift;
   * gives how many are below.
   */
  countMagnitudes(
    address: number,
    end: number,
    low: number,
    width: number,
    shift: number,
    bins: number,
  ): number;
}

let compiled: WebAssembly.Module | undefined;

/** The loops, on a memory. */
export function elementProgram(memory: WebAssembly.Memory): ElementProgram {
  compiled ??= new WebAssembly.Module(
    assemble(definitions(), { module: "elements" }),
  );
  const instance = new WebAssembly.Instance(compiled, { elements: { memory } });
  return instance.exports as unknown as ElementProgram;
}

import {
  advanceBy,
  type Code,
  get,
  I32,
  integer,
  lanes,
  load,
  repeat,
  scalar,
  set,
  store,
  tee,
  V128,
  vector,
  type WasmFunction,
  when,
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

/** Vectors that are computed at once: making the constants takes its time. */
const VECTORS = 4;

/** The next vectors become x (1 + erf(x / √2)) / 2. */
function next(vectors: number): Code {
  const address = 0;
  const constant = 3;
  const [t, square, p, q] = [0, 1, 2, 3].map((kind) => (vector: number) =>
    4 + kind * VECTORS + vector
  );
  const each = (code: (vector: number) => Code): Code =>
    Array.from({ length: vectors }, (_, vector) => code(vector)).flat();
  const sharing = (value: number, code: (vector: number) => Code): Code => [
    ...vector(value),
    ...set(constant),
    ...each(code),
  ];
  const polynomial = (
    to: (vector: number) => number,
    coefficients: readonly number[],
  ): Code =>
    coefficients.flatMap((coefficient, i) =>
      sharing(coefficient, (v) => [
        ...(i === 0 ? [] : [...get(to(v)), ...get(square!(v))]),
        ...get(constant),
        ...(i === 0 ? [] : lanes.multiplyAdd),
        ...set(to(v)),
      ])
    );
  return [
    ...sharing(Math.SQRT1_2, (v) => [
      ...load(address, 16 * v),
      ...get(constant),
      ...lanes.times,
      ...set(t!(v)),
    ]),
    ...sharing(-4, (v) => [
      ...get(t!(v)),
      ...get(constant),
      ...lanes.most,
      ...set(t!(v)),
    ]),
    ...sharing(4, (v) => [
      ...get(t!(v)),
      ...get(constant),
      ...lanes.least,
      ...tee(t!(v)),
      ...get(t!(v)),
      ...lanes.times,
      ...set(square!(v)),
    ]),
    ...polynomial(p!, NUMERATOR),
    ...each((v) => [
      ...get(p!(v)),
      ...get(t!(v)),
      ...lanes.times,
      ...set(p!(v)),
    ]),
    ...polynomial(q!, DENOMINATOR),
    ...sharing(0.5, (v) => [
      ...load(address, 16 * v),
      ...get(constant),
      ...lanes.times,
      ...set(t!(v)),
    ]),
    ...each((v) => [
      ...get(address),
      ...get(p!(v)),
      ...get(q!(v)),
      ...lanes.over,
      ...get(t!(v)),
      ...get(t!(v)),
      ...lanes.multiplyAdd,
      ...store,
      ...advanceBy(address, integer(16)),
    ]),
  ];
}

/** gelu(address, end): the exact GELU of each value. */
export function gelu(): WasmFunction {
  const [address, end, wideEnd] = [0, 1, 2];
  return {
    name: "gelu",
    parameters: [I32, I32],
    locals: [I32, V128, ...new Array(4 * VECTORS).fill(V128)],
    code: [
      ...get(end),
      ...get(end),
      ...get(address),
      ...scalar.subtract,
      ...integer(16 * VECTORS - 1),
      ...scalar.and,
      ...scalar.subtract,
      ...set(wideEnd),
      ...get(address),
      ...get(wideEnd),
      ...scalar.isBelow,
      ...when(repeat(next(VECTORS), address, wideEnd)),
      ...get(address),
      ...get(end),
      ...scalar.isBelow,
      ...when(repeat(next(1), address, end)),
    ],
  };
}

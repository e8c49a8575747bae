import * as fc from "fast-check";

/** What a JSON file would rather not hold. */
const hostile = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    null,
    -1,
    0.5,
    1e9,
    1e308,
    2 ** 53,
    "",
    "../../x",
    "/etc/passwd",
    "\u2028\u0000\n",
    "a".repeat(5000),
    [],
    {},
    [1e9],
    [[[]]],
    Array(2000).fill(1),
    JSON.parse('{"__proto__": 1, "constructor": 2, "length": -1}'),
  ),
);

/** Takes a JSON value to one that is wrong in some places. */
type JsonChange = (value: unknown) => unknown;

/** Replaces or removes something at a place that the numbers choose. */
function changed(
  value: unknown,
  turns: readonly number[],
  by: unknown,
  removes: boolean,
): unknown {
  const [turn, ...rest] = turns;
  if (turn === undefined || typeof value !== "object" || value === null) {
    return by;
  }
  const keys = Object.keys(value);
  const key = keys[turn % Math.max(1, keys.length)];
  if (key === undefined) return by;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...value };
  const slots = copy as Record<string, unknown>;
  if (rest.length === 0 && removes) delete slots[key];
  else slots[key] = changed(slots[key], rest, by, removes);
  return copy;
}

const change: fc.Arbitrary<JsonChange> = fc.tuple(
  fc.array(fc.nat(1000), { maxLength: 9 }),
  hostile,
  fc.boolean(),
).map(([turns, by, removes]) => (value) => changed(value, turns, by, removes));

/** One or two places of a JSON value are not as they should be. */
export const jsonChanges: fc.Arbitrary<JsonChange> = fc.array(change, {
  minLength: 1,
  maxLength: 2,
}).map((all) => (value) => all.reduce((v, one) => one(v), value));

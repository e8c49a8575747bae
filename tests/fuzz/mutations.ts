import * as fc from "fast-check";

/** How many inputs a property tries: `CONVNEXT_FUSION_FUZZ_RUNS`, or a few. */
const FUZZ_RUNS: number = Number(
  Deno.env.get("CONVNEXT_FUSION_FUZZ_RUNS") || 40,
);

/**
 * Tries a property.
 *
 * @param reader What it is that is tried, for those who count.
 * @param times How many times as many inputs as usual.
 */
export async function fuzz<T>(
  reader: string,
  property: fc.IAsyncPropertyWithHooks<T>,
  times = 1,
): Promise<void> {
  const numRuns = times * FUZZ_RUNS;
  await fc.assert(property, { numRuns });
  const counts = Deno.env.get("CONVNEXT_FUSION_FUZZ_COUNTS");
  if (counts) {
    await Deno.writeTextFile(counts, `${numRuns}: ${reader}\n`, {
      append: true,
    });
  }
}

/** One change of a file's bytes; places are fractions of its length. */
type Mutation = (bytes: Uint8Array) => Uint8Array;

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
// Most of what can go wrong stands at a file's two ends.
const ends = fc.oneof(
  place,
  place.map((x) => x ** 4),
  place.map((x) => Math.min(1 - x ** 4, 1 - 1e-9)),
);
const at = (bytes: Uint8Array, fraction: number): number =>
  Math.floor(fraction * bytes.length);

/** Values that a length, an offset or a count would rather not have. */
const extreme = fc.constantFrom(
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  (1n << 53n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  ends.map((end): Mutation => (bytes) => bytes.slice(0, at(bytes, end))),
  fc.tuple(ends, fc.nat(7)).map(([where, bit]): Mutation => (bytes) => {
    const changed = bytes.slice();
    if (changed.length > 0) changed[at(bytes, where)]! ^= 1 << bit;
    return changed;
  }),
  fc.tuple(ends, fc.uint8Array({ minLength: 1, maxLength: 16 }))
    .map(([where, inserted]): Mutation => (bytes) => {
      const middle = at(bytes, where);
      return new Uint8Array([
        ...bytes.subarray(0, middle),
        ...inserted,
        ...bytes.subarray(middle),
      ]);
    }),
  fc.tuple(ends, ends, fc.integer({ min: 1, max: 200 }))
    .map(([from, to, length]): Mutation => (bytes) => {
      const changed = bytes.slice();
      const part = bytes.slice(at(bytes, from), at(bytes, from) + length);
      const target = at(bytes, to);
      changed.set(part.subarray(0, changed.length - target), target);
      return changed;
    }),
  fc.tuple(ends, extreme, fc.constantFrom(1, 2, 4, 8), fc.boolean())
    .map(([where, value, size, little]): Mutation => (bytes) => {
      const changed = bytes.slice();
      const number = new DataView(new ArrayBuffer(8));
      number.setBigUint64(0, value, little);
      const part = little
        ? new Uint8Array(number.buffer, 0, size)
        : new Uint8Array(number.buffer, 8 - size);
      const target = at(bytes, where);
      changed.set(part.subarray(0, changed.length - target), target);
      return changed;
    }),
);

/** Some changes of a file, one after the other. */
export const mutations: fc.Arbitrary<Mutation> = fc.array(mutation, {
  minLength: 1,
  maxLength: 4,
}).map((all): Mutation => (bytes) =>
  all.reduce((b, change) => change(b), bytes)
);

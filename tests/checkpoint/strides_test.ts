import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { elementCount } from "../../src/checkpoint/mod.ts";
import { placesOf, rearranged } from "../../src/checkpoint/strides.ts";

Deno.test("rearranged() puts elements as the strides say, whatever the axes", () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 70 }), {
    minLength: 1,
    maxLength: 4,
  }).filter((shape) => elementCount(shape) <= 100_000);
  fc.assert(
    fc.property(
      shapes,
      fc.array(fc.nat(), { maxLength: 4 }),
      (stored, keys) => {
        const axes = stored.map((_, axis) => axis)
          .sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
        const strides = stored.map((_, axis) =>
          elementCount(stored.slice(axis + 1))
        );
        const shape = axes.map((axis) => stored[axis]!);
        const permuted = axes.map((axis) => strides[axis]!);
        const elements = Float32Array.from(
          { length: elementCount(stored) },
          (_, i) => i,
        );
        assertEquals(
          rearranged(elements, shape, permuted),
          Float32Array.from(placesOf(shape, permuted, 0, elements.length)),
        );
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("rearranged() transposes a matrix and a convolution's kernel", () => {
  assertEquals(
    [...rearranged(new Float32Array([1, 2, 3, 4, 5, 6]), [3, 2], [1, 3])],
    [1, 4, 2, 5, 3, 6],
  );
  // [h 2, w 1, in 2, out 3] to [out, in, h, w].
  const kernel = Float32Array.from({ length: 12 }, (_, i) => i);
  assertEquals(
    [...rearranged(kernel, [3, 2, 2, 1], [1, 3, 6, 6])],
    [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11],
  );
});

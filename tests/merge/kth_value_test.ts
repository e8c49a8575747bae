import { assertEquals } from "@std/assert";
import {
  countInPasses,
  kthMagnitude,
  kthMagnitudes,
  randomUniform,
} from "../../src/merge/mod.ts";

/** Signed numbers over many powers of two, with zeros and equal ones. */
function numbers(name: string, count: number): Float32Array {
  return randomUniform(0, [name], 0, count).map((value, i) =>
    i % 7 === 0
      ? 0
      : i % 5 === 0
      ? -0.125
      : (i % 2 ? -1 : 1) * value * 2 ** (i % 40 - 30)
  );
}

function sorted(values: Float32Array): Float32Array {
  return values.map((value) => Math.abs(value)).sort();
}

Deno.test("kthMagnitudes finds what sorting finds, in chunks", async () => {
  const rows = [numbers("a", 20_000), numbers("b", 20_000)];
  const inOrder = rows.map(sorted);
  for (const rank of [1, 2, 2857, 2858, 10_000, 15_999, 20_000]) {
    const found = await kthMagnitudes(
      [rank, 20_001 - rank],
      countInPasses(async function* () {
        for (let begin = 0; begin < 20_000; begin += 1234) {
          yield rows.map((row) => row.subarray(begin, begin + 1234));
        }
      }),
    );
    assertEquals(found, [inOrder[0]![rank - 1]!, inOrder[1]![20_000 - rank]!]);
  }
});

Deno.test("kthMagnitudes of rank 0 is 0", async () => {
  const found = await kthMagnitudes(
    [0],
    countInPasses(async function* () {
      yield [Float32Array.of(1, 2)];
    }),
  );
  assertEquals(found, [0]);
});

Deno.test("kthMagnitude finds what sorting finds, in small and large arrays", () => {
  for (const count of [1, 2, 1000, 200_000]) {
    const values = numbers("c", count);
    const inOrder = sorted(values);
    for (const rank of [1, Math.ceil(count / 3), count]) {
      assertEquals(kthMagnitude(values, rank), inOrder[rank - 1]!);
    }
  }
});

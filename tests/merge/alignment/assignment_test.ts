import { assertAlmostEquals, assertEquals } from "@std/assert";
import { bestAssignment, randomUniform } from "../../../src/merge/mod.ts";

/** The largest sum over all permutations, one by one. */
function exhaustive(scores: Float32Array, size: number): number {
  const walk = (row: number, used: number): number => {
    if (row === size) return 0;
    let best = -Infinity;
    for (let column = 0; column < size; column++) {
      if (used & (1 << column)) continue;
      const rest = walk(row + 1, used | (1 << column));
      best = Math.max(best, scores[row * size + column]! + rest);
    }
    return best;
  };
  return walk(0, 0);
}

Deno.test("bestAssignment is a permutation with the largest sum", () => {
  for (let size = 1; size <= 7; size++) {
    for (let draw = 0; draw < 20; draw++) {
      const scores = randomUniform(draw, [`${size}`], 0, size * size)
        // Ties, and scores of either sign.
        .map((u) => draw % 2 ? Math.round(6 * u) - 3 : u - 0.5);
      const columns = bestAssignment(scores, size);
      assertEquals(
        [...columns].sort((a, b) => a - b),
        Array.from({ length: size }, (_, i) => i),
      );
      let sum = 0;
      for (const [row, column] of columns.entries()) {
        sum += scores[row * size + column]!;
      }
      assertAlmostEquals(sum, exhaustive(scores, size), 1e-5);
    }
  }
});

Deno.test("bestAssignment finds a hidden permutation of 300", () => {
  const size = 300;
  const scores = randomUniform(3, ["noise"], 0, size * size);
  const hidden = Int32Array.from(
    { length: size },
    (_, i) => (i * 7 + 5) % size,
  );
  for (const [row, column] of hidden.entries()) {
    scores[row * size + column]! += 1;
  }
  assertEquals(bestAssignment(scores, size), hidden);
});

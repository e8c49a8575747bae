import { assertEquals } from "@std/assert";
import { magnitudeRankMask, magnitudeRanks } from "../../src/merge/mod.ts";

const values = Float32Array.of(-3, 1, 0, 1, -1, 2);

Deno.test("magnitudeRanks counts within rows, equal ones in order", () => {
  assertEquals([...magnitudeRanks(values, 6)], [5, 1, 0, 2, 3, 4]);
  assertEquals([...magnitudeRanks(values, 3)], [2, 1, 0, 0, 1, 2]);
  assertEquals([...magnitudeRanks(values, 1)], [0, 0, 0, 0, 0, 0]);
});

Deno.test("magnitudeRankMask marks the ranks in [low, high)", () => {
  const ranks = magnitudeRanks(values, 6);
  for (let low = -1; low <= 6; low++) {
    for (let high = low; high <= 7; high++) {
      assertEquals(
        [...magnitudeRankMask(values, low, high)],
        [...ranks].map((rank) => rank >= low && rank < high ? 1 : 0),
      );
    }
  }
});

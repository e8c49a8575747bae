import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { randomUniform } from "../../src/merge/mod.ts";

Deno.test("randomUniform gives the same numbers in pieces as whole", () => {
  const whole = randomUniform(7, ["alpha", "w"], 0, 1000);
  for (const begin of [0, 1, 333, 999]) {
    assertEquals(
      randomUniform(7, ["alpha", "w"], begin, 1000 - begin),
      whole.slice(begin),
    );
  }
});

Deno.test("randomUniform is uniform in [0, 1)", () => {
  const count = 1 << 18;
  const bins = new Array<number>(64).fill(0);
  for (const value of randomUniform(0, ["alpha", "w"], 0, count)) {
    assert(value >= 0 && value < 1);
    bins[Math.floor(value * 64)]!++;
  }
  // Chi-squared with 63 degrees of freedom: 63 on average, 11 its deviation.
  const expected = count / 64;
  const chiSquared = bins.reduce(
    (sum, found) => sum + (found - expected) ** 2 / expected,
    0,
  );
  assert(chiSquared > 25 && chiSquared < 110, `${chiSquared}`);
});

Deno.test("randomUniform's sequences do not correlate", () => {
  const count = 1 << 16;
  const sequences = [
    randomUniform(0, ["alpha", "w"], 0, count),
    randomUniform(1, ["alpha", "w"], 0, count),
    randomUniform(0, ["beta", "w"], 0, count),
    randomUniform(0, ["alpha", "v"], 0, count),
    randomUniform(0, ["alpha", "w"], 1, count),
  ];
  for (const [i, a] of sequences.entries()) {
    for (const b of sequences.slice(i + 1)) {
      let product = 0;
      for (let k = 0; k < count; k++) product += (a[k]! - 0.5) * (b[k]! - 0.5);
      // The deviation of the correlation is 1 / sqrt(count), 0.004.
      assertAlmostEquals(12 * product / count, 0, 0.02);
    }
  }
});

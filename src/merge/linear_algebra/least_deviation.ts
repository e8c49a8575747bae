/** An odd polynomial a x + b x³ + c x⁵ that is nearly 1 on an interval. */
export interface LeastDeviation {
  /** a, b and c. */
  readonly coefficients: readonly [number, number, number];
  /** Its largest distance from 1 on the interval. */
  readonly error: number;
}

/**
 * The odd polynomial of degree five with the least distance from 1 on
 * [low, high], by Remez' exchange: at four points the distance is the same,
 * with alternating signs.
 *
 * @param low Above 0.
 * @param high Above `low`.
 */
export function leastDeviation(low: number, high: number): LeastDeviation {
  let inner = [(3 * low + high) / 4, (low + 3 * high) / 4];
  let last = Infinity;
  for (;;) {
    const points = [low, ...inner, high];
    const [a, b, c, signed] = solve(points.map((x, i) => [
      x,
      x ** 3,
      x ** 5,
      i % 2 === 0 ? 1 : -1,
      1,
    ])) as [number, number, number, number];
    const error = Math.abs(signed);
    // Below this the equations tell the four points no longer apart.
    if (Math.abs(last - error) < 1e-13 || error < 1e-9) {
      return { coefficients: [a, b, c], error };
    }
    last = error;
    // Its extrema: a + 3 b x² + 5 c x⁴ = 0.
    const root = Math.sqrt(Math.max(0, 9 * b * b - 20 * a * c));
    inner = [(-3 * b - root) / (10 * c), (-3 * b + root) / (10 * c)].map((
      square,
    ) => Math.sqrt(square));
  }
}

/** Solves linear equations, each its coefficients and right side, in place. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) {
      if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    }
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}

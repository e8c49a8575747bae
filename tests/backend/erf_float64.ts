/**
 * The error function in float64 to about 1e-15: its Taylor series near zero,
 * the continued fraction of its complement further out.
 */
export function erfFloat64(x: number): number {
  const size = Math.abs(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = size;
  for (let n = 60; n >= 1; n--) fraction = size + n / 2 / fraction;
  const complement = Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI));
  return Math.sign(x) * (1 - complement);
}

/** The exact GELU in float64. */
export function geluFloat64(x: number): number {
  return x * (1 + erfFloat64(x * Math.SQRT1_2)) / 2;
}

/** The exact GELU's derivative in float64. */
export function geluDerivativeFloat64(x: number): number {
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  return (1 + erfFloat64(x * Math.SQRT1_2)) / 2 + x * density;
}

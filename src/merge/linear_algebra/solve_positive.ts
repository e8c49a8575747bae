import { type Matrix, matrixOf } from "./matrix.ts";

/**
 * Solves a x = b for a symmetric positive definite a, by Cholesky's
 * decomposition in double precision.
 *
 * @param a [size, size]; its lower triangle is read and overwritten.
 * @param b [columns, size]: each row a right-hand side; overwritten with the
 * solutions.
 * @returns Whether a is positive definite; b is spoilt otherwise.
 */
export function solvePositive(a: Matrix, b: Matrix): boolean {
  const size = a.rows;
  const lower = a.data;
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      const rest = lower[row + j]! - dot(lower, row, lower, other, j);
      if (j < i) lower[row + j] = rest / lower[other + j]!;
      else if (rest > 0) lower[row + i] = Math.sqrt(rest);
      else return false;
    }
  }
  const upper = turned(lower, size);
  for (let r = 0; r < b.rows; r++) {
    const at = r * size;
    const x = b.data;
    for (let i = 0; i < size; i++) {
      x[at + i] = (x[at + i]! - dot(lower, i * size, x, at, i)) /
        lower[i * size + i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      const after = i + 1;
      x[at + i] = (x[at + i]! -
        dot(upper, i * size + after, x, at + after, size - after)) /
        lower[i * size + i]!;
    }
  }
  return true;
}

/** The transpose of a square matrix. */
function turned(data: Float64Array, size: number): Float64Array {
  const { data: out } = matrixOf(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) out[j * size + i] = data[i * size + j]!;
  }
  return out;
}

/** Inner product of two spans, in four sums that do not wait for each other. */
function dot(
  a: Float64Array,
  i: number,
  b: Float64Array,
  j: number,
  length: number,
): number {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  let k = 0;
  for (; k + 4 <= length; k += 4) {
    s0 += a[i + k]! * b[j + k]!;
    s1 += a[i + k + 1]! * b[j + k + 1]!;
    s2 += a[i + k + 2]! * b[j + k + 2]!;
    s3 += a[i + k + 3]! * b[j + k + 3]!;
  }
  for (; k < length; k++) s0 += a[i + k]! * b[j + k]!;
  return s0 + s1 + s2 + s3;
}

import { gram, type Matrix, multiplyTransposed, transpose } from "./matrix.ts";
import { symmetricEigen } from "./symmetric_eigen.ts";

/** a = uᵀ diag(s) v, in double precision; r = min(rows, columns). */
export interface ThinSvd {
  /** One left singular vector a row: [r, rows]. */
  readonly u: Matrix;
  /** Singular values, descending; below rounding they are 0: [r]. */
  readonly s: Float64Array;
  /** One right singular vector a row: [r, columns]. */
  readonly v: Matrix;
}

/**
 * Thin singular value decomposition, accurate whatever the matrix's condition:
 * singular values to double precision relative to the largest, vectors
 * orthonormal to 1e-8 (single precision resolves 6e-8).
 *
 * The eigenvectors of the smaller side's Gram matrix, in double precision,
 * give the large singular directions. Those whose product of singular values
 * is lost in the Gram matrix's rounding (both below about 1e-4 of the largest)
 * are then made orthogonal by one-sided Jacobi rotations. Directions without
 * any singular value are completed to an orthonormal set in a fixed way.
 */
export function thinSvd(a: Matrix): ThinSvd {
  if (a.rows > a.columns) {
    const { u, s, v } = thinSvd(transpose(a));
    return { u: v, s, v: u };
  }
  const { rows: r, columns: n } = a;
  const u = symmetricEigen(gram(a)).vectors;
  const v = multiplyTransposed(u, transpose(a)); // rows are s_i v_i
  orthogonalizeRows(v, u);
  sortByNorm(v, u);
  const s = new Float64Array(r);
  for (let i = 0; i < r; i++) s[i] = rowNorm(v, i);
  const null_ = n * Number.EPSILON * (s[0] ?? 0);
  let rank = 0;
  for (let i = 0; i < r; i++) {
    if (s[i]! > null_) {
      for (let j = 0; j < n; j++) v.data[i * n + j]! /= s[i]!;
      rank = i + 1;
    } else {
      s[i] = 0;
    }
  }
  completeOrthonormal(v, rank);
  return { u, s, v };
}

/** Rotates pairs of rows, of `rows` and `mates` alike, until all are orthogonal. */
function orthogonalizeRows(rows: Matrix, mates: Matrix): void {
  const { rows: r, columns: n, data } = rows;
  const squares = new Float64Array(r);
  const measure = (i: number) => rowNorm(rows, i) ** 2;
  let largest = 0;
  for (let i = 0; i < r; i++) {
    squares[i] = measure(i);
    largest = Math.max(largest, squares[i]!);
  }
  // Rounding in the Gram matrix leaves an inner product of about epsilon times
  // the largest eigenvalue between any two rows: harmless while the product of
  // their norms is 1e8 times that.
  const suspicious = largest * Number.EPSILON * 1e8;
  const nothing = largest * (n * Number.EPSILON) ** 2;
  for (let sweep = 0; sweep < 30; sweep++) {
    let rotated = false;
    for (let i = 0; i < r - 1; i++) {
      for (let j = i + 1; j < r; j++) {
        const product = squares[i]! * squares[j]!;
        if (
          product > suspicious * suspicious ||
          squares[i]! <= nothing || squares[j]! <= nothing
        ) continue;
        const a = i * n, b = j * n;
        let dot = 0;
        for (let k = 0; k < n; k++) dot += data[a + k]! * data[b + k]!;
        if (Math.abs(dot) <= 1e-14 * n * Math.sqrt(product)) continue;
        const tau = (squares[j]! - squares[i]!) / (2 * dot);
        const tangent = (tau >= 0 ? 1 : -1) /
          (Math.abs(tau) + Math.hypot(1, tau));
        const cosine = 1 / Math.hypot(1, tangent);
        rotate(rows, i, j, cosine, cosine * tangent);
        rotate(mates, i, j, cosine, cosine * tangent);
        squares[i] = measure(i);
        squares[j] = measure(j);
        rotated = true;
      }
    }
    if (!rotated) return;
  }
}

function rotate(
  { columns: n, data }: Matrix,
  i: number,
  j: number,
  cosine: number,
  sine: number,
): void {
  for (let k = 0; k < n; k++) {
    const x = data[i * n + k]!;
    const y = data[j * n + k]!;
    data[i * n + k] = cosine * x - sine * y;
    data[j * n + k] = sine * x + cosine * y;
  }
}

function sortByNorm(rows: Matrix, mates: Matrix): void {
  const norms = Array.from({ length: rows.rows }, (_, i) => rowNorm(rows, i));
  if (norms.every((norm, i) => i === 0 || norm <= norms[i - 1]!)) return;
  const order = norms.map((_, i) => i).sort((i, j) => norms[j]! - norms[i]!);
  for (const { columns: n, data } of [rows, mates]) {
    const before = data.slice();
    order.forEach((from, to) =>
      data.set(before.subarray(from * n, (from + 1) * n), to * n)
    );
  }
}

function rowNorm({ columns: n, data }: Matrix, i: number): number {
  let sum = 0;
  for (let k = i * n; k < (i + 1) * n; k++) sum += data[k]! * data[k]!;
  return Math.sqrt(sum);
}

/**
 * Fills the rows from `rank` on with unit vectors orthogonal to all rows
 * before: each time the axis that those leave the most of.
 */
function completeOrthonormal(matrix: Matrix, rank: number): void {
  const { rows: r, columns: n, data } = matrix;
  if (rank === r) return;
  const left = new Float64Array(n).fill(1);
  const take = (i: number) => {
    for (let k = 0; k < n; k++) left[k]! -= data[i * n + k]! ** 2;
  };
  for (let i = 0; i < rank; i++) take(i);
  for (let i = rank; i < r; i++) {
    let axis = 0;
    for (let k = 1; k < n; k++) if (left[k]! > left[axis]!) axis = k;
    const row = data.subarray(i * n, (i + 1) * n);
    row.fill(0);
    row[axis] = 1;
    for (let round = 0; round < 2; round++) { // twice is enough (Kahan)
      for (let h = 0; h < i; h++) {
        let dot = 0;
        for (let k = 0; k < n; k++) dot += row[k]! * data[h * n + k]!;
        if (dot === 0) continue;
        for (let k = 0; k < n; k++) row[k]! -= dot * data[h * n + k]!;
      }
    }
    const norm = rowNorm(matrix, i);
    for (let k = 0; k < n; k++) row[k]! /= norm;
    take(i);
  }
}

import { type Matrix, matrixOf } from "./matrix.ts";

/** Eigenvalues with their eigenvectors, in double precision. */
export interface SymmetricEigen {
  /** In descending order: [n]. */
  readonly values: Float64Array;
  /** One unit eigenvector a row, in the order of `values`: [n, n]. */
  readonly vectors: Matrix;
}

/**
 * Eigen decomposition of a symmetric matrix: Householder reflections to
 * tridiagonal form, then implicit QL iterations. Every inner loop runs along
 * rows, so that memory is read in order.
 *
 * @param matrix Symmetric [n, n]; not changed.
 */
export function symmetricEigen(matrix: Matrix): SymmetricEigen {
  const n = matrix.rows;
  const { diagonal, offDiagonal, basis } = tridiagonalize(matrix);
  diagonalize(diagonal, offDiagonal, basis, n);
  const order = Array.from(diagonal.keys()).sort((i, j) =>
    diagonal[j]! - diagonal[i]!
  );
  const vectors = matrixOf(n, n);
  order.forEach((from, to) =>
    vectors.data.set(basis.subarray(from * n, (from + 1) * n), to * n)
  );
  return { values: Float64Array.from(order, (i) => diagonal[i]!), vectors };
}

/**
 * matrix = basisᵀ T basis for a tridiagonal T; `offDiagonal[i]` couples i and
 * i + 1.
 */
function tridiagonalize(matrix: Matrix): {
  diagonal: Float64Array;
  offDiagonal: Float64Array;
  basis: Float64Array;
} {
  const n = matrix.rows;
  const a = matrix.data.slice();
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const scales = new Float64Array(n);
  const w = new Float64Array(n);
  // Step k clears row k right of the element after the diagonal. The
  // reflection's vector v (v[k + 1 ...]) is kept in that row.
  for (let k = 0; k < n - 1; k++) {
    const row = k * n;
    diagonal[k] = a[row + k]!;
    let largest = 0;
    for (let j = k + 1; j < n; j++) {
      largest = Math.max(largest, Math.abs(a[row + j]!));
    }
    if (largest === 0) continue;
    let square = 0;
    for (let j = k + 1; j < n; j++) square += (a[row + j]! / largest) ** 2;
    const head = a[row + k + 1]!;
    const norm = largest * Math.sqrt(square);
    const alpha = head > 0 ? -norm : norm;
    offDiagonal[k] = alpha;
    // v = x - alpha e, scaled so that v[k + 1] = 1; I - scale v vᵀ reflects.
    const first = head - alpha;
    const scale = -first / alpha;
    scales[k] = scale;
    a[row + k + 1] = 1;
    for (let j = k + 2; j < n; j++) a[row + j]! /= first;

    // w = scale A v over the trailing block, from its upper triangle alone.
    w.fill(0, k + 1);
    for (let i = k + 1; i < n; i++) {
      const vi = a[row + i]!;
      const ri = i * n;
      let sum = a[ri + i]! * vi;
      for (let j = i + 1; j < n; j++) {
        const aij = a[ri + j]!;
        sum += aij * a[row + j]!;
        w[j]! += aij * vi;
      }
      w[i]! += sum;
    }
    let dot = 0;
    for (let i = k + 1; i < n; i++) {
      w[i]! *= scale;
      dot += w[i]! * a[row + i]!;
    }
    const shift = 0.5 * scale * dot;
    for (let i = k + 1; i < n; i++) w[i]! -= shift * a[row + i]!;
    // A <- A - v wᵀ - w vᵀ
    for (let i = k + 1; i < n; i++) {
      const vi = a[row + i]!;
      const wi = w[i]!;
      const ri = i * n;
      for (let j = i; j < n; j++) {
        a[ri + j]! -= vi * w[j]! + wi * a[row + j]!;
      }
    }
  }
  if (n > 0) diagonal[n - 1] = a[n * n - 1]!;
  return { diagonal, offDiagonal, basis: accumulate(a, scales, n) };
}

/** Rows of the reflections' product, from the last reflection to the first. */
function accumulate(
  a: Float64Array,
  scales: Float64Array,
  n: number,
): Float64Array {
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  // The k-th reflection acts on columns and rows from k + 1 on. Rows of
  // `basis` become eigenvectors, so it is applied from the right.
  for (let k = n - 2; k >= 0; k--) {
    const scale = scales[k]!;
    if (scale === 0) continue;
    const row = k * n;
    for (let i = k + 1; i < n; i++) {
      const ri = i * n;
      let dot = 0;
      for (let j = k + 1; j < n; j++) dot += basis[ri + j]! * a[row + j]!;
      dot *= scale;
      for (let j = k + 1; j < n; j++) basis[ri + j]! -= dot * a[row + j]!;
    }
  }
  return basis;
}

/** Implicit QL: diagonal becomes the eigenvalues, rows of basis their vectors. */
function diagonalize(
  d: Float64Array,
  e: Float64Array,
  basis: Float64Array,
  n: number,
): void {
  for (let low = 0; low < n; low++) {
    for (let round = 0;; round++) {
      let high = low;
      for (; high < n - 1; high++) {
        const neighbours = Math.abs(d[high]!) + Math.abs(d[high + 1]!);
        if (Math.abs(e[high]!) <= Number.EPSILON * neighbours) break;
        // Among zeros the test above never holds.
        if (Math.abs(e[high]!) < 1e-290) break;
      }
      if (high === low || round === 60) break;
      // Wilkinson's shift, from the leading 2 x 2 block.
      let g = (d[low + 1]! - d[low]!) / (2 * e[low]!);
      let r = Math.hypot(g, 1);
      g = d[high]! - d[low]! + e[low]! / (g + (g >= 0 ? r : -r));
      let sine = 1, cosine = 1, p = 0;
      let i = high - 1;
      for (; i >= low; i--) {
        const f = sine * e[i]!;
        const b = cosine * e[i]!;
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[high] = 0;
          break;
        }
        sine = f / r;
        cosine = g / r;
        g = d[i + 1]! - p;
        r = (d[i]! - g) * sine + 2 * cosine * b;
        p = sine * r;
        d[i + 1] = g + p;
        g = cosine * r - b;
        rotateRows(basis, i * n, n, cosine, sine);
      }
      if (r === 0 && i >= low) continue;
      d[low]! -= p;
      e[low] = g;
      e[high] = 0;
    }
  }
}

function rotateRows(
  basis: Float64Array,
  upper: number,
  n: number,
  cosine: number,
  sine: number,
): void {
  const lower = upper + n;
  for (let k = 0; k < n; k++) {
    const above = basis[upper + k]!;
    const below = basis[lower + k]!;
    basis[lower + k] = sine * above + cosine * below;
    basis[upper + k] = cosine * above - sine * below;
  }
}

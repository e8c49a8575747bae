/**
 * A matrix in double precision, for what single precision or the active
 * backend cannot do.
 */
export interface Matrix {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Elements, row by row: [rows * columns]. */
  readonly data: Float64Array;
}

/** A matrix of zeros, or one around `data`. */
export function matrixOf(
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): Matrix {
  return { rows, columns, data };
}

/** The transpose: [columns, rows]. */
export function transpose({ rows, columns, data }: Matrix): Matrix {
  const out = new Float64Array(data.length);
  // In tiles, so that neither side leaves the cache.
  const tile = 32;
  for (let i0 = 0; i0 < rows; i0 += tile) {
    const i1 = Math.min(rows, i0 + tile);
    for (let j0 = 0; j0 < columns; j0 += tile) {
      const j1 = Math.min(columns, j0 + tile);
      for (let i = i0; i < i1; i++) {
        for (let j = j0; j < j1; j++) {
          out[j * rows + i] = data[i * columns + j]!;
        }
      }
    }
  }
  return matrixOf(columns, rows, out);
}

/** a bᵀ: [a.rows, b.rows], for a and b with as many columns. */
export function multiplyTransposed(a: Matrix, b: Matrix): Matrix {
  return product(a, b, false);
}

/** a aᵀ: [rows, rows]. */
export function gram(a: Matrix): Matrix {
  const out = product(a, a, true);
  const { rows: n, data } = out;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) data[i * n + j] = data[j * n + i]!;
  }
  return out;
}

/**
 * Rows of a times rows of b, in tiles of 4 x 4 that stay in registers and in
 * spans of columns that stay in the cache.
 */
function product(a: Matrix, b: Matrix, upperOnly: boolean): Matrix {
  const { rows: m, columns: inner, data: x } = a;
  const { rows: n, data: y } = b;
  const out = new Float64Array(m * n);
  const span = 256;
  for (let begin = 0; begin < inner; begin += span) {
    const end = Math.min(inner, begin + span);
    for (let i = 0; i < m; i += 4) {
      for (let j = upperOnly ? i : 0; j < n; j += 4) {
        if (i + 4 <= m && j + 4 <= n) {
          addTile(x, y, out, i, j, inner, n, begin, end);
        } else {
          addEdge(x, y, out, i, Math.min(m, i + 4), j, Math.min(n, j + 4), {
            inner,
            n,
            begin,
            end,
          });
        }
      }
    }
  }
  return matrixOf(m, n, out);
}

function addTile(
  x: Float64Array,
  y: Float64Array,
  out: Float64Array,
  i: number,
  j: number,
  inner: number,
  n: number,
  begin: number,
  end: number,
): void {
  const x0 = i * inner, x1 = x0 + inner, x2 = x1 + inner, x3 = x2 + inner;
  const y0 = j * inner, y1 = y0 + inner, y2 = y1 + inner, y3 = y2 + inner;
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  for (let k = begin; k < end; k++) {
    const a0 = x[x0 + k]!, a1 = x[x1 + k]!, a2 = x[x2 + k]!, a3 = x[x3 + k]!;
    const b0 = y[y0 + k]!, b1 = y[y1 + k]!, b2 = y[y2 + k]!, b3 = y[y3 + k]!;
    s00 += a0 * b0, s01 += a0 * b1, s02 += a0 * b2, s03 += a0 * b3;
    s10 += a1 * b0, s11 += a1 * b1, s12 += a1 * b2, s13 += a1 * b3;
    s20 += a2 * b0, s21 += a2 * b1, s22 += a2 * b2, s23 += a2 * b3;
    s30 += a3 * b0, s31 += a3 * b1, s32 += a3 * b2, s33 += a3 * b3;
  }
  let at = i * n + j;
  out[at]! += s00, out[at + 1]! += s01, out[at + 2]! += s02;
  out[at + 3]! += s03;
  at += n;
  out[at]! += s10, out[at + 1]! += s11, out[at + 2]! += s12;
  out[at + 3]! += s13;
  at += n;
  out[at]! += s20, out[at + 1]! += s21, out[at + 2]! += s22;
  out[at + 3]! += s23;
  at += n;
  out[at]! += s30, out[at + 1]! += s31, out[at + 2]! += s32;
  out[at + 3]! += s33;
}

function addEdge(
  x: Float64Array,
  y: Float64Array,
  out: Float64Array,
  iBegin: number,
  iEnd: number,
  jBegin: number,
  jEnd: number,
  { inner, n, begin, end }: {
    inner: number;
    n: number;
    begin: number;
    end: number;
  },
): void {
  for (let i = iBegin; i < iEnd; i++) {
    for (let j = jBegin; j < jEnd; j++) {
      let sum = 0;
      for (let k = begin; k < end; k++) {
        sum += x[i * inner + k]! * y[j * inner + k]!;
      }
      out[i * n + j]! += sum;
    }
  }
}

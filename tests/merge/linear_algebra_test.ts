import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { polarFactor, svd } from "../../src/merge/mod.ts";
import {
  gram,
  type Matrix,
  matrixOf,
  multiplyTransposed,
  transpose,
} from "../../src/merge/linear_algebra/matrix.ts";
import { symmetricEigen } from "../../src/merge/linear_algebra/symmetric_eigen.ts";
import { thinSvd } from "../../src/merge/linear_algebra/thin_svd.ts";
import { testReadableBackend } from "../test_backend.ts";

function fill(
  rows: number,
  columns: number,
  value: (i: number, j: number) => number,
): Matrix {
  return matrixOf(
    rows,
    columns,
    Float64Array.from(
      { length: rows * columns },
      (_, at) => Math.fround(value(Math.floor(at / columns), at % columns)),
    ),
  );
}

/** Numbers without a pattern. */
const noise = (
  i: number,
  j: number,
): number => ((Math.sin(12.9898 * i + 78.233 * j + 1) * 43758.5453) % 1);
const hilbert = (i: number, j: number): number => 1 / (i + j + 1);

const MATRICES: Readonly<Record<string, Matrix>> = {
  "1 x 1": fill(1, 1, () => -3),
  "zero 1 x 1": fill(1, 1, () => 0),
  "1 x 7": fill(1, 7, noise),
  "7 x 1": fill(7, 1, noise),
  "zero": fill(3, 5, () => 0),
  "identity: one value repeated": fill(6, 6, (i, j) => Number(i === j)),
  "two values repeated": fill(8, 6, (i, j) => i === j ? 1 + (i & 1) : 0),
  "rank 1": fill(9, 5, (i, j) => (i + 1) * (j - 2)),
  "rank 3, wide": fill(
    16,
    40,
    (i, j) => (i % 3 === 0 ? 1 : i % 3 - 3) * (j % 3 === i % 3 ? 1 + j : 0),
  ),
  "rank 3, tall": fill(
    40,
    16,
    (i, j) => (j % 3 === 0 ? 1 : j % 3 - 3) * (i % 3 === j % 3 ? 1 + i : 0),
  ),
  "columns of very different size": fill(
    20,
    12,
    (i, j) => noise(i, j) * 10 ** (-j),
  ),
  "Hilbert 6 x 8": fill(6, 8, hilbert),
  "Hilbert 12 x 12": fill(12, 12, hilbert),
  "wide": fill(31, 97, noise),
  "tall": fill(97, 31, noise),
  "square": fill(50, 50, noise),
};

/** Largest distance of the rows' inner products from the identity. */
function skewness(rows: Matrix): number {
  const { rows: n, data } = gram(rows);
  return data.reduce(
    (worst, value, at) =>
      Math.max(worst, Math.abs(value - Number(at % (n + 1) === 0))),
    0,
  );
}

for (const [name, matrix] of Object.entries(MATRICES)) {
  Deno.test(`thinSvd beats single precision: ${name}`, () => {
    const { u, s, v } = thinSvd(matrix);
    const r = Math.min(matrix.rows, matrix.columns);
    assertEquals([u.rows, u.columns], [r, matrix.rows]);
    assertEquals([v.rows, v.columns], [r, matrix.columns]);
    assert(
      s.every((value, i) => value >= 0 && (i === 0 || value <= s[i - 1]!)),
    );
    assert(skewness(u) < 1e-12, `u: ${skewness(u)}`);
    assert(skewness(v) < 1e-8, `v: ${skewness(v)}`);
    const scaled = matrixOf(
      r,
      u.columns,
      u.data.map((value, at) => value * s[Math.floor(at / u.columns)]!),
    );
    const again = multiplyTransposed(transpose(scaled), transpose(v));
    const error = again.data.reduce(
      (worst, value, at) => Math.max(worst, Math.abs(value - matrix.data[at]!)),
      0,
    );
    assert(error <= 1e-13 * s[0]!, `reconstruction: ${error}`);
  });

  Deno.test(`svd and polarFactor on the backend: ${name}`, async () => {
    await testReadableBackend();
    const { rows, columns } = matrix;
    const input = tf.tensor2d(Float32Array.from(matrix.data), [rows, columns]);
    const { u, s, vt } = svd(input);
    const { factor, nuclearNorm } = polarFactor(input);
    const values = await s.data<"float32">();
    const largest = Math.max(values[0]!, 1e-30);
    const distance = (a: tf.Tensor, b: tf.Tensor): number =>
      tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
    assert(
      distance(tf.matMul(tf.mul(u, s), vt), input) <= 5e-6 * largest,
      "u s vt is the matrix",
    );
    const square = rows <= columns
      ? tf.matMul(factor, tf.transpose(factor))
      : tf.matMul(tf.transpose(factor), factor);
    assert(
      distance(square, tf.eye(Math.min(rows, columns))) < 1e-4,
      `polar factor: ${distance(square, tf.eye(Math.min(rows, columns)))}`,
    );
    const sum = values.reduce((total, value) => total + value, 0);
    assert(Math.abs(nuclearNorm - sum) <= 1e-5 * largest);
    // The polar factor's symmetric part is the matrix's, so its trace with
    // the matrix is the sum of the singular values.
    const trace = tf.sum(tf.mul(factor, input)).dataSync()[0]!;
    assert(Math.abs(trace - sum) <= 2e-5 * largest * Math.sqrt(values.length));
  });
}

Deno.test("thinSvd has numpy's singular values, to the smallest of Hilbert's", () => {
  // numpy.linalg.svd of the same float32 entries, in float64.
  const expected = [
    1.6553948537386425,
    0.2679015752456262,
    0.02055721270928733,
    0.0009422518883554461,
    2.5844129804445514e-05,
    3.719754468844407e-07,
  ];
  const { s } = thinSvd(MATRICES["Hilbert 6 x 8"]!);
  expected.forEach((value, i) =>
    assert(Math.abs(s[i]! - value) <= 1e-14, `${i}: ${s[i]}`)
  );
});

Deno.test("polarFactor of orthogonal rows normalises them", async () => {
  await testReadableBackend();
  // Rows of lengths 5 and 10, orthogonal to each other.
  const expected = [0.6, 0.8, 0, -0.8, 0.6, 0];
  const { factor, nuclearNorm } = polarFactor(
    tf.tensor2d([3, 4, 0, -8, 6, 0], [2, 3]),
  );
  (await factor.data()).forEach((value, i) =>
    assert(Math.abs(value - expected[i]!) < 1e-6)
  );
  assert(Math.abs(nuclearNorm - 15) < 1e-5);
});

Deno.test("symmetricEigen of a second difference matrix is known in closed form", () => {
  const n = 40;
  const { values, vectors } = symmetricEigen(
    fill(n, n, (i, j) => i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0),
  );
  for (let k = 0; k < n; k++) {
    const expected = 2 + 2 * Math.cos((k + 1) * Math.PI / (n + 1));
    assert(Math.abs(values[k]! - expected) < 1e-13, `${k}: ${values[k]}`);
  }
  assert(skewness(vectors) < 1e-13);
});

import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { leadingDirections, polarFactor, svd } from "../../src/merge/mod.ts";
import { matrixOf } from "../../src/merge/linear_algebra/matrix.ts";
import { leadingEigen } from "../../src/merge/linear_algebra/leading_eigen.ts";
import { leastDeviation } from "../../src/merge/linear_algebra/least_deviation.ts";
import { thinSvd } from "../../src/merge/linear_algebra/thin_svd.ts";
import { hasNativeLinearAlgebra } from "../../src/backend/mod.ts";
import { testReadableBackend } from "../test_backend.ts";

/** Orthonormal columns: reflections of the first axes. */
function orthonormal(rows: number, columns: number, seed: number): tf.Tensor2D {
  let basis = tf.eye(rows, columns) as tf.Tensor2D;
  for (let k = 0; k < 3; k++) {
    const v = tf.randomNormal([rows, 1], 0, 1, "float32", seed + k);
    const scale = 2 / tf.sum(tf.square(v)).dataSync()[0]!;
    const along = tf.matMul(tf.transpose(v), basis);
    basis = tf.sub(basis, tf.mul(tf.matMul(v, along), scale));
  }
  return basis;
}

/** A matrix with these singular values, and its polar factor. */
function withValues(
  rows: number,
  columns: number,
  values: readonly number[],
): { matrix: tf.Tensor2D; factor: tf.Tensor2D } {
  const u = orthonormal(rows, values.length, 1);
  const vt = tf.transpose(orthonormal(columns, values.length, 9));
  return {
    matrix: tf.matMul(tf.mul(u, tf.tensor1d([...values])) as tf.Tensor2D, vt),
    factor: tf.matMul(u, vt),
  };
}

function geometric(count: number, condition: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => condition ** (-i / (count - 1)),
  );
}

const distance = (a: tf.Tensor, b: tf.Tensor): number =>
  tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

function skewness(factor: tf.Tensor2D): number {
  const [rows, columns] = factor.shape;
  const gram = rows <= columns
    ? tf.matMul(factor, tf.transpose(factor))
    : tf.matMul(tf.transpose(factor), factor);
  return distance(gram, tf.eye(Math.min(rows, columns)));
}

for (
  const [rows, columns] of [
    [64, 64],
    [150, 150],
    [48, 192],
    [192, 48],
    [50, 70],
    [70, 50],
  ] as const
) {
  for (const condition of [1, 3, 30, 300, 3e3, 1e4, 1e5]) {
    Deno.test(`polarFactor of ${rows} x ${columns}, condition ${condition}`, async () => {
      await testReadableBackend();
      const values = geometric(Math.min(rows, columns), condition);
      const { matrix, factor: expected } = withValues(rows, columns, values);
      for (const size of [1, 1e-12, 1e12]) {
        const { factor, nuclearNorm } = polarFactor(tf.mul(matrix, size));
        assert(skewness(factor) < 1e-5, `orthonormal: ${skewness(factor)}`);
        // Single precision perturbs the smallest directions by so much.
        const error = distance(factor, expected);
        const allowed = 5e-6 + 4e-7 * condition;
        assert(error < allowed, `${error}`);
        const sum = size * values.reduce((total, value) => total + value, 0);
        assert(Math.abs(nuclearNorm / sum - 1) < 1e-5, `${nuclearNorm}`);
      }
    });
  }
}

for (const rank of [0, 1, 40]) {
  Deno.test(`polarFactor of 64 x 80 with rank ${rank} is orthonormal`, async () => {
    await testReadableBackend();
    const { matrix } = rank === 0
      ? { matrix: tf.zeros([64, 80]) as tf.Tensor2D }
      : withValues(64, 80, geometric(rank, 2).map((v) => v || 1));
    const { factor } = polarFactor(matrix);
    assert(skewness(factor) < 1e-4, `${skewness(factor)}`);
    const trace = tf.sum(tf.mul(factor, matrix)).dataSync()[0]!;
    const sum = tf.sum(svd(matrix).s).dataSync()[0]!;
    assert(Math.abs(trace - sum) <= 1e-4 * Math.max(sum, 1), `${trace} ${sum}`);
  });
}

for (const [rows, columns] of [[40, 120], [120, 40], [60, 60]] as const) {
  for (const condition of [2, 20, 1e3, 1e6]) {
    Deno.test(`leadingDirections of ${rows} x ${columns}, condition ${condition}`, async () => {
      await testReadableBackend();
      const count = 9;
      const values = geometric(Math.min(rows, columns), condition);
      const { matrix } = withValues(rows, columns, values);
      const other = tf.mul(matrix, -3) as tf.Tensor2D;
      const data = matrix.dataSync();
      const exact = thinSvd(
        matrixOf(rows, columns, Float64Array.from(data)),
      );
      // The product of the kept parts does not depend on signs.
      const expected = tf.matMul(
        tf.mul(
          tf.transpose(
            tf.tensor2d(Float32Array.from(exact.u.data), [
              exact.s.length,
              rows,
            ]).slice(0, count),
          ),
          tf.tensor1d(Float32Array.from(exact.s)).slice(0, count),
        ) as tf.Tensor2D,
        tf.tensor2d(Float32Array.from(exact.v.data), [exact.s.length, columns])
          .slice(0, count),
      );
      const [first, second] = leadingDirections(
        [() => matrix, () => other],
        [rows, columns],
        count,
      );
      for (const [scale, found] of [[1, first!], [-3, second!]] as const) {
        assert(skewness(found.u) < 1e-5, `u: ${skewness(found.u)}`);
        assert(skewness(found.vt) < 1e-5, `vt: ${skewness(found.vt)}`);
        found.s.dataSync().forEach((value, i) =>
          assert(
            Math.abs(value - Math.abs(scale) * values[i]!) < 1e-5,
            `${i}: ${value}`,
          )
        );
        const again = tf.matMul(tf.mul(found.u, found.s), found.vt);
        const error = distance(again, tf.mul(expected, scale));
        // The last direction mixes with the next as their values are close.
        const gap = 1 - values[count]! / values[count - 1]!;
        const allowed = Math.abs(scale) * (5e-6 + 6e-7 / gap);
        assert(error < allowed, `${error}`);
      }
    });
  }
}

Deno.test("leastDeviation keeps its distance on the whole interval", () => {
  for (const [low, high] of [[1e-4, 1], [0.1, 1.2], [0.9, 1.1]] as const) {
    const { coefficients: [a, b, c], error } = leastDeviation(low, high);
    let worst = 0;
    for (let i = 0; i <= 1000; i++) {
      const x = low + (high - low) * i / 1000;
      worst = Math.max(worst, Math.abs(1 - (a * x + b * x ** 3 + c * x ** 5)));
    }
    assert(Math.abs(worst - error) < 1e-5, `${worst} ${error}`);
  }
});

for (const condition of [2, 30, 1e3]) {
  Deno.test(`leadingEigen's space holds what is asked for, condition ${condition}`, async () => {
    await testReadableBackend();
    if (!hasNativeLinearAlgebra()) return; // only ever called there
    const n = 120;
    const count = 12;
    const values = geometric(n, condition);
    const basis = [1, 2].map((seed) => orthonormal(n, n, seed));
    const grams = tf.stack(basis.map((u) =>
      tf.matMul(
        tf.mul(u, tf.tensor1d(values)) as tf.Tensor2D,
        tf.transpose(u),
      )
    )) as tf.Tensor3D;
    const found = leadingEigen(grams, count)!;
    const width = found.vectors.shape[2];
    basis.forEach((u, i) => {
      values.slice(0, count).forEach((value, k) =>
        assert(Math.abs(found.values[i]![width - 1 - k]! - value) < 1e-5)
      );
      const top = tf.squeeze(
        tf.slice(found.vectors, [i, 0, width - count], [1, n, count]),
        [0],
      ) as tf.Tensor2D;
      assert(skewness(top) < 1e-5);
      // A direction outside the space is lost by as much as it is small.
      const first = tf.slice(u, [0, 0], [-1, count]);
      const along = tf.matMul(tf.transpose(top), first);
      const gap = values[count - 1]! - values[count]!;
      const error = distance(tf.matMul(top, along), first);
      assert(error < 2e-6 / gap + 1e-5, `${error}`);
    });
  });
}

for (const rank of [0, 3, 20, 200]) {
  Deno.test(`leadingDirections of 400 x 420 with rank ${rank}`, async () => {
    await testReadableBackend();
    if (!hasNativeLinearAlgebra()) return; // elsewhere size makes no difference
    const count = 50;
    const values = Array.from({ length: rank }, () => 2);
    const { matrix } = rank === 0
      ? { matrix: tf.zeros([400, 420]) as tf.Tensor2D }
      : withValues(400, 420, values);
    const [found] = leadingDirections([() => matrix], [400, 420], count);
    const { u, s, vt } = found!;
    assert(skewness(u) < 1e-4, `u: ${skewness(u)}`);
    assert(skewness(vt) < 1e-4, `vt: ${skewness(vt)}`);
    s.dataSync().forEach((value, k) =>
      assert(Math.abs(value - (values[k] ?? 0)) < 1e-5, `${k}: ${value}`)
    );
    if (rank <= count) {
      const again = tf.matMul(tf.mul(u, s), vt);
      assert(distance(again, matrix) < 1e-5);
    }
  });
}

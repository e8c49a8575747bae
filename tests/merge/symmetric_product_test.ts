import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { symmetricProduct } from "../../src/merge/linear_algebra/products.ts";
import { hasNativeOps } from "../../src/backend/mod.ts";
import { testReadableBackend } from "../test_backend.ts";

type Matrix = readonly Float32Array[];

function matrixOf(tensor: tf.Tensor2D): Matrix {
  const [rows, columns] = tensor.shape;
  const data = tensor.dataSync<"float32">();
  return Array.from(
    { length: rows },
    (_, i) => data.slice(i * columns, (i + 1) * columns),
  );
}

const random = (shape: [number, number], seed: number): tf.Tensor2D =>
  tf.randomNormal(shape, 0, 1, "float32", seed);

/** Largest distance from p a bᵀ + q more + r I in double precision. */
function distance(
  found: Matrix,
  a: Matrix,
  b: Matrix,
  more: Matrix | undefined,
  [p, q, r]: readonly [number, number, number],
): number {
  let worst = 0;
  found.forEach((row, i) =>
    row.forEach((value, j) => {
      let sum = 0;
      a[i]!.forEach((x, k) => sum += x * b[j]![k]!);
      const expected = p * sum + q * (more?.[i]?.[j] ?? 0) +
        (i === j ? r : 0);
      worst = Math.max(worst, Math.abs(value - expected));
    })
  );
  return worst;
}

// Sides around what a tile holds, depths around what a pass takes.
for (const size of [1, 31, 32, 33, 70, 129]) {
  for (const depth of [1, 16, 96, 97, 200]) {
    Deno.test(`symmetricProduct of ${size} x ${depth} is the product`, async () => {
      await testReadableBackend();
      const a = random([size, depth], 1);
      const more = symmetricProduct(random([size, 3], 2), random([size, 3], 2));
      const coefficients = [[0.5, -2, 3]] as const;
      // a m with a symmetric m, so that a (a m)ᵀ is symmetric.
      const m = symmetricProduct(random([depth, 2], 3), random([depth, 2], 3));
      const b = tf.matMul(a, m) as tf.Tensor2D;
      const rows = matrixOf(a);
      const others = matrixOf(b);
      const allowed = 4e-7 * Math.max(
            ...matrixOf(symmetricProduct(b, b))
              .map((row) => Math.max(...row)),
          ) + 1e-6;
      const plain = symmetricProduct(a, b);
      assert(
        distance(matrixOf(plain), rows, others, undefined, [1, 0, 0]) < allowed,
      );
      const full = symmetricProduct(tf.transpose(a), tf.transpose(b), {
        transposed: "a",
        more,
        coefficients,
      });
      const error = distance(
        matrixOf(full),
        rows,
        others,
        matrixOf(more),
        coefficients[0],
      );
      assert(error < allowed, `${error}`);
    });
  }
}

Deno.test("symmetricProduct of several matrices gives each its coefficients", async () => {
  await testReadableBackend();
  if (!hasNativeOps()) return; // only ever called there
  const singles = [1, 2, 3].map((seed) =>
    symmetricProduct(random([70, 70], seed), random([70, 70], seed))
  );
  const coefficients = [[1, 0, 0], [0.5, -2, 3], [-1, 1, 0]] as const;
  const together = tf.stack(singles) as tf.Tensor3D;
  const found = symmetricProduct(together, together, {
    transposed: "neither",
    more: together,
    coefficients,
  });
  tf.unstack(found).forEach((product, i) => {
    const matrix = matrixOf(singles[i]!);
    const error = distance(
      matrixOf(product as tf.Tensor2D),
      matrix,
      matrix,
      matrix,
      coefficients[i]!,
    );
    assert(error < 0.02, `${error}`); // of values to 3e4
  });
});

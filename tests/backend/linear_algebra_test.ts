import * as tf from "@tensorflow/tfjs";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  hasNativeLinearAlgebra,
  nativeOp,
  qr,
  selfAdjointEig,
  svd,
} from "../../src/backend/mod.ts";
import { BackendError } from "../../src/fusion_error.ts";
import { testBackend, testBackendName } from "../test_backend.ts";

// Deno reports ignored tests; these are for TensorFlow's library, which
// `deno task test:tensorflow` runs them on.
const ignore = !["tensorflow", "cuda"].includes(testBackendName);

/** The Hilbert-like matrix 1 / (1 + |i - j|), and rectangular ones of it. */
function example(rows: number, columns: number): tf.Tensor2D {
  return tf.buffer([rows, columns], "float32").toTensor().add(
    tf.tensor2d(Array.from(
      { length: rows },
      (_, i) =>
        Array.from({ length: columns }, (_, j) => 1 / (1 + Math.abs(i - j))),
    )),
  ) as tf.Tensor2D;
}

function largestDifference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!);
}

function assertOrthonormal(columns: tf.Tensor2D) {
  const gram = tf.matMul(columns, columns, true);
  assert(largestDifference(gram, tf.eye(gram.shape[0])) < 2e-6);
}

Deno.test({
  name: "svd gives the thin decomposition, wide and tall",
  ignore,
  fn: async () => {
    await testBackend();
    for (const [rows, columns] of [[6, 17], [17, 6]] as const) {
      const matrix = example(rows, columns);
      const { u, s, v } = svd(matrix);
      assertEquals([u.shape, s.shape, v.shape], [[rows, 6], [6], [columns, 6]]);
      const again = tf.matMul(tf.mul(u, s) as tf.Tensor2D, v, false, true);
      assert(largestDifference(again, matrix) < 2e-6);
      assertOrthonormal(u);
      assertOrthonormal(v);
      const values = s.dataSync();
      assert(values.every((value, i) => i === 0 || value <= values[i - 1]!));
    }
  },
});

Deno.test({
  name: "selfAdjointEig finds the eigenvalues that are known in closed form",
  ignore,
  fn: async () => {
    await testBackend();
    // Second differences: 2 on the diagonal, -1 beside it.
    const size = 24;
    const matrix = tf.tensor2d(Array.from(
      { length: size },
      (_, i) =>
        Array.from(
          { length: size },
          (_, j) => i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0,
        ),
    ));
    const { values, vectors } = selfAdjointEig(matrix);
    const expected = Array.from(
      { length: size },
      (_, i) => 2 - 2 * Math.cos((i + 1) * Math.PI / (size + 1)),
    );
    // In float32 an error is relative to the largest eigenvalue, 4 here.
    assert(largestDifference(values, tf.tensor1d(expected)) < 4e-6);
    assertOrthonormal(vectors);
    assert(
      largestDifference(
        tf.matMul(matrix, vectors),
        tf.mul(vectors, values),
      ) < 3e-6,
    );
  },
});

Deno.test({
  name: "qr gives an orthonormal and a triangular factor",
  ignore,
  fn: async () => {
    await testBackend();
    const matrix = example(11, 5);
    const { q, r } = qr(matrix);
    assertEquals([q.shape, r.shape], [[11, 5], [5, 5]]);
    assertOrthonormal(q);
    assert(largestDifference(tf.matMul(q, r), matrix) < 2e-6);
    assertEquals(
      [...tf.linalg.bandPart(r, 0, -1).dataSync()],
      [...r.dataSync()],
    );
  },
});

Deno.test({
  name: "nativeOp names the operation that TensorFlow refuses",
  ignore,
  fn: async () => {
    await testBackend();
    assertThrows(
      () => nativeOp("NoSuchOperation", [tf.scalar(1)]),
      BackendError,
      "NoSuchOperation",
    );
  },
});

Deno.test("without TensorFlow's library, svd says which backend has it", async () => {
  await testBackend();
  assertEquals(hasNativeLinearAlgebra(), !ignore);
  await tf.setBackend("cpu");
  assertEquals(hasNativeLinearAlgebra(), false);
  assertThrows(
    () => svd(tf.tensor2d([[1]])),
    BackendError,
    "use backend=tensorflow or backend=cuda",
  );
  await testBackend();
});

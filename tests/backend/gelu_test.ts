import * as tf from "@tensorflow/tfjs";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { gelu } from "../../src/backend/mod.ts";
import { testBackend } from "../test_backend.ts";
import {
  erfFloat64,
  geluDerivativeFloat64,
  geluFloat64,
} from "./erf_float64.ts";

/** As many as a SIMD loop has whole steps for, and three left over. */
const inputs = Float32Array.from(
  { length: 4003 },
  (_, i) => (i - 2000) * 0.00317 + 0.0001,
);

function worst(found: ArrayLike<number>, expected: (x: number) => number) {
  let error = 0;
  for (let i = 0; i < inputs.length; i++) {
    error = Math.max(error, Math.abs(found[i]! - expected(inputs[i]!)));
  }
  return error;
}

Deno.test("erfFloat64 agrees with the tables", () => {
  // Abramowitz and Stegun, table 7.1.
  assertAlmostEquals(erfFloat64(0.5), 0.5204998778, 1e-10);
  assertAlmostEquals(erfFloat64(1), 0.8427007929, 1e-10);
  assertAlmostEquals(erfFloat64(2), 0.995322265, 1e-9);
  assertAlmostEquals(erfFloat64(2.6), 0.9997639656, 1e-9);
  assertAlmostEquals(erfFloat64(-1), -0.8427007929, 1e-10);
});

Deno.test("gelu is within 1e-6 of float64", async () => {
  await testBackend();
  // WebGPU reads back asynchronously only.
  const found = await tf.tidy(() => gelu(tf.tensor1d(inputs))).data();
  assert(worst(found, geluFloat64) < 1e-6, `${worst(found, geluFloat64)}`);
});

Deno.test("gelu far out is x or 0, and keeps the shape", async () => {
  await testBackend();
  const y = gelu(tf.tensor3d([-1e4, -12, 0, 12, 1e4, 1e20], [1, 2, 3]));
  assertEquals(y.shape, [1, 2, 3]);
  const found = (await y.data()).map((value) => value === 0 ? 0 : value);
  assertEquals([...found], [0, 0, 0, 12, 1e4, Math.fround(1e20)]);
});

Deno.test("gelu's gradient is within 1e-6 of float64", async () => {
  await testBackend();
  const found = await tf.tidy(() =>
    tf.grad((x) => gelu(x))(tf.tensor1d(inputs))
  ).data();
  const error = worst(found, geluDerivativeFloat64);
  assert(error < 1e-6, `${error}`);
});

Deno.test("gelu leaves no tensors behind", async () => {
  await testBackend();
  const x = tf.tensor1d(inputs);
  const before = tf.memory().numTensors;
  gelu(x).dispose();
  tf.grad((input) => gelu(input))(x).dispose();
  assertEquals(tf.memory().numTensors, before);
});

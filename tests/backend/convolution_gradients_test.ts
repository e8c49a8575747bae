import * as tf from "@tensorflow/tfjs";
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../src/backend/mod.ts";
import { testBackend } from "../test_backend.ts";

/** Deterministic values that no symmetry hides a mistake in. */
function example(shape: [number, number, number, number]): tf.Tensor4D {
  const size = shape.reduce((a, b) => a * b);
  return tf.tensor4d(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * i * 0.37 + i)),
    shape,
  );
}

type Convolution = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor;

/** The gradients by input and filter of a weighted sum of the outputs. */
async function gradients(
  convolution: Convolution,
  input: [number, number, number, number],
  filter: [number, number, number, number],
): Promise<number[][]> {
  const found = tf.tidy(() => {
    const loss = (x: tf.Tensor4D, w: tf.Tensor4D) => {
      const y = convolution(x, w) as tf.Tensor4D;
      return tf.sum(tf.mul(y, example(y.shape))) as tf.Scalar;
    };
    return tf.grads(loss as (...args: tf.Tensor[]) => tf.Scalar)(
      [example(input), example(filter)],
    );
  });
  // WebGPU reads back asynchronously only.
  const values = await Promise.all(found.map((gradient) => gradient.data()));
  tf.dispose(found);
  return values.map((value) => [...value]);
}

/** Plain JavaScript on the cpu backend is what the others must agree with. */
async function assertAsOnCpu(
  convolution: Convolution,
  input: [number, number, number, number],
  filter: [number, number, number, number],
) {
  await useBackend("cpu");
  const expected = await gradients(convolution, input, filter);
  await testBackend();
  const tensors = tf.memory().numTensors;
  const found = await gradients(convolution, input, filter);
  assertEquals(tf.memory().numTensors, tensors);
  assertEquals(found.map((g) => g.length), expected.map((g) => g.length));
  for (const [i, gradient] of found.entries()) {
    for (const [j, value] of gradient.entries()) {
      const error = Math.abs(value - expected[i]![j]!);
      assert(error < 2e-5, `gradient ${i} [${j}]: off by ${error}`);
    }
  }
}

Deno.test("gradients of the patchifying convolutions", async () => {
  await assertAsOnCpu(
    (x, w) => tf.conv2d(x, w, 4, "valid"),
    [2, 12, 8, 3],
    [4, 4, 3, 5],
  );
  await assertAsOnCpu(
    (x, w) => tf.conv2d(x, w, 2, "valid"),
    [2, 7, 6, 4],
    [2, 2, 4, 3],
  );
});

Deno.test("gradients of a 3x3 convolution with stride and padding", async () => {
  await assertAsOnCpu(
    (x, w) => tf.conv2d(x, w, [2, 1], "same"),
    [1, 7, 6, 2],
    [3, 3, 2, 3],
  );
});

Deno.test("gradients of the depthwise 7x7 convolution", async () => {
  await assertAsOnCpu(
    (x, w) => tf.depthwiseConv2d(x, w, 1, "same"),
    [2, 9, 5, 3],
    [7, 7, 3, 1],
  );
  await assertAsOnCpu(
    (x, w) => tf.depthwiseConv2d(x, w, 1, "valid"),
    [1, 9, 8, 2],
    [4, 3, 2, 1],
  );
});

import * as tf from "@tensorflow/tfjs";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { BackendError } from "../../src/fusion_error.ts";
import { testBackend, testBackendName } from "../test_backend.ts";

// TensorFlow.js' WebGPU kernel gave for 8 tensors and more what its memory
// held before.
Deno.test("any number of tensors is added up", async () => {
  await testBackend();
  for (const count of [1, 2, 6, 7, 8, 9, 13, 14, 40]) {
    const tensors = Array.from(
      { length: count },
      (_, i) => tf.add(tf.range(0, 300), i),
    );
    const before = tf.memory().numTensors;
    const sum = tf.addN(tensors);
    assertEquals(tf.memory().numTensors, before + 1);
    const offset = count * (count - 1) / 2;
    const expected = Float32Array.from(
      { length: 300 },
      (_, i) => count * i + offset,
    );
    assertEquals(await sum.data(), expected, `${count}`);
    // What was added is still there.
    assertEquals((await tensors[0]!.data())[299], 299);
    tf.dispose([tensors, sum]);
  }
});

Deno.test("the gradient of a sum of many tensors is 1", async () => {
  await testBackend();
  const slope = tf.tidy(() =>
    tf.grad((x) =>
      tf.sum(tf.addN(Array.from({ length: 20 }, (_, i) => tf.mul(x, i))))
    )(tf.ones([150]))
  );
  assertEquals(await slope.data(), new Float32Array(150).fill(190));
  slope.dispose();
});

// WGSL's own is wrong by 2e-4 on some devices.
Deno.test("acos is exact", async () => {
  await testBackend();
  const values = Float32Array.from({ length: 4001 }, (_, i) => i / 2000 - 1);
  // Multiplied, so that WebGPU does not compute it on the processor.
  const found = tf.tidy(() => tf.acos(tf.mul(tf.tensor1d(values), 1)));
  const numbers = await found.data();
  for (const [i, value] of values.entries()) {
    const error = Math.abs(numbers[i]! - Math.acos(value));
    assert(error < 1e-6, `acos(${value}) is ${numbers[i]}`);
  }
  found.dispose();
});

Deno.test({
  name: "what the GPU refuses is an error where values are read",
  ignore: testBackendName !== "webgpu",
  fn: async () => {
    await testBackend();
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    for (let run = 0; run < 20; run++) {
      // More bytes than a buffer may have.
      device.createBuffer({
        size: device.limits.maxBufferSize + 4,
        usage: GPUBufferUsage.STORAGE,
      });
      // Smaller ones are computed on the processor.
      const product = tf.mul(tf.ones([2000]), run);
      const { message } = await assertRejects(
        () => product.data(),
        BackendError,
      );
      assert(
        /^backend=webgpu: the GPU refused an operation \(.+\); use backend=wasm$/
          .test(message),
        message,
      );
      await assertRejects(() => tf.mul(product, 2).data(), BackendError);
      // Chosen again it computes again.
      await testBackend();
      const again = tf.mul(tf.ones([2000]), run);
      assertEquals((await again.data())[1999], run);
      tf.dispose([product, again]);
    }
  },
});

import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  depthwiseConvolution,
  gelu,
  hasNativeOps,
  layerNorm,
  pointwise,
} from "../../src/backend/mod.ts";
import { testBackend } from "../test_backend.ts";
import { geluFloat64 } from "./erf_float64.ts";

await testBackend();

function random(shape: number[], seed: number): tf.Tensor {
  return tf.randomNormal(shape, 0, 1, "float32", seed);
}

async function difference(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  assertEquals(a.shape, b.shape);
  const [x, y] = await Promise.all([a.data(), b.data()]);
  let most = 0;
  for (let i = 0; i < x.length; i++) {
    most = Math.max(most, Math.abs(x[i]! - y[i]!));
  }
  return most;
}

// 6 and 7 channels have no whole number of vectors.
for (const channels of [16, 40, 6, 7]) {
  Deno.test(`${channels} channels: fused operations equal the plain ones`, async () => {
    const x = random([6, channels], 1) as tf.Tensor2D;
    const kernel = random([channels, 4 * channels], 2) as tf.Tensor2D;
    const bias = random([4 * channels], 3);
    const back = random([4 * channels, channels], 4) as tf.Tensor2D;
    const [weight, offset] = [random([channels], 5), random([channels], 6)];
    const product = tf.add(tf.matMul(x, kernel), bias);
    for (
      const [activation, plain] of [
        ["gelu", gelu(product)],
        ["relu", tf.relu(product)],
        [undefined, product],
      ] as const
    ) {
      const fused = pointwise(
        x,
        kernel,
        bias,
        activation === undefined ? {} : { activation },
      );
      assert(await difference(fused, plain) < 1e-5);
    }
    const wide = random([6, 4 * channels], 7) as tf.Tensor2D;
    assert(
      await difference(
        pointwise(wide, back, offset, { residual: x }),
        tf.add(x, tf.add(tf.matMul(wide, back), offset)),
      ) < 1e-4,
    );
    const normalized = layerNorm(x, weight, offset, 1e-6);
    const { mean, variance } = tf.moments(x, 1, true);
    const plain = tf.add(
      tf.mul(
        tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-6))),
        weight,
      ),
      offset,
    );
    assert(await difference(normalized, plain) < 1e-5);
    const image = random([2, 5, 4, channels], 8) as tf.Tensor4D;
    const filter = random([7, 7, channels, 1], 9) as tf.Tensor4D;
    assert(
      await difference(
        depthwiseConvolution(image, filter, offset as tf.Tensor1D),
        tf.add(tf.depthwiseConv2d(image, filter, 1, "same"), offset),
      ) < 1e-4,
    );
  });
}

Deno.test("fused GELU is exact to float32 from -30 to 30", async () => {
  const values = Float32Array.from({ length: 4096 }, (_, i) => (i - 2048) / 68);
  const found = await pointwise(
    tf.tensor2d(values, [4096, 1]),
    tf.tensor2d([1], [1, 1]),
    tf.zeros([1]),
    { activation: "gelu" },
  ).data();
  for (const [i, x] of values.entries()) {
    const expected = geluFloat64(x);
    const error = Math.abs(found[i]! - expected);
    assert(error < 2e-6 + 2e-7 * Math.abs(x), `gelu(${x}) = ${found[i]}`);
  }
});

// Patches with and without whole tiles and registers, and what is cut off.
for (
  const [shape, side, out] of [
    [[2, 13, 9, 3], 4, 96],
    [[1, 7, 16, 40], 2, 64],
    [[3, 30, 24, 7], 1, 32],
    [[1, 6, 6, 16], 2, 48],
  ] as [tf.Tensor4D["shape"], number, number][]
) {
  Deno.test(`patches of ${shape.join(" x ")}, side ${side}, to ${out}: the fused convolution equals the plain one`, async () => {
    const image = random(shape, 1) as tf.Tensor4D;
    const filter = random([side, side, shape[3], out], 2) as tf.Tensor4D;
    const bias = random([out], 3);
    const [strides, pad] = [side, "valid"] as const;
    assert(
      await difference(
        tf.fused.conv2d({ x: image, filter, strides, pad, bias }),
        tf.add(tf.conv2d(image, filter, strides, pad), bias),
      ) < 1e-4,
    );
  });
}

Deno.test({
  name: "a bias of one value is added to all channels",
  ignore: !hasNativeOps(),
  async fn() {
    const image = random([1, 8, 8, 3], 1) as tf.Tensor4D;
    const filter = random([4, 4, 3, 32], 2) as tf.Tensor4D;
    const options = { x: image, filter, strides: 4, pad: "valid" } as const;
    // Our own operation runs, and is found.
    tf.fused.conv2d({ ...options, bias: tf.zeros([32]) });
    for (const bias of [tf.scalar(3), tf.tensor1d([3])]) {
      assert(
        await difference(
          tf.fused.conv2d({ ...options, bias }),
          tf.add(tf.conv2d(image, filter, 4, "valid"), 3),
        ) < 1e-4,
      );
    }
  },
});

Deno.test("gradients flow through what inference fuses", async () => {
  const x = random([3, 8], 1) as tf.Tensor2D;
  const kernel = random([8, 8], 2) as tf.Tensor2D;
  const [weight, bias] = [random([8], 3), random([8], 4)];
  const [ofX, ofKernel] = tf.grads((x, kernel) =>
    tf.sum(
      pointwise(
        layerNorm(x as tf.Tensor2D, weight, bias, 1e-6),
        kernel as tf.Tensor2D,
        bias,
        { activation: "gelu" },
      ),
    )
  )([x, kernel]);
  const step = 1e-2;
  const loss = async (moved: tf.Tensor2D): Promise<number> =>
    (await tf.sum(
      pointwise(layerNorm(x, weight, bias, 1e-6), moved, bias, {
        activation: "gelu",
      }),
    ).data())[0]!;
  const direction = tf.mul(ofKernel!, step) as tf.Tensor2D;
  const rise = await loss(tf.add(kernel, direction)) -
    await loss(tf.sub(kernel, direction));
  const expected = 2 * step * (await tf.sum(tf.square(ofKernel!)).data())[0]!;
  assert(Math.abs(rise / expected - 1) < 0.02, `${rise} against ${expected}`);
  assert((await tf.sum(tf.abs(ofX!)).data())[0]! > 0);
});

Deno.test("nothing is left behind, and inputs stay as they are", async () => {
  const x = random([4, 8], 1) as tf.Tensor2D;
  const kernel = random([8, 8], 2) as tf.Tensor2D;
  const bias = random([8], 3);
  const before = [...await x.data()];
  const { numTensors } = tf.memory();
  pointwise(x, kernel, bias, { residual: x }).dispose();
  pointwise(x, kernel, bias, { activation: "gelu" }).dispose();
  layerNorm(x, bias, bias, 1e-6).dispose();
  assertEquals(tf.memory().numTensors, numTensors);
  assertEquals([...await x.data()], before);
});

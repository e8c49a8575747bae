import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  depthwiseConvolution,
  fusedBlock,
  layerNorm,
  packBlock,
  pointwise,
} from "../../src/backend/mod.ts";
import { BackendError } from "../../src/fusion_error.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

function random(shape: number[], seed: number): tf.Tensor {
  return tf.randomNormal(shape, 0, 1, "float32", seed);
}

/** A block's inputs and weights. */
function block(shape: [number, number, number, number], hidden: number) {
  const channels = shape[3];
  const kernel = (shape: number[], inputs: number, seed: number): tf.Tensor =>
    tf.mul(random(shape, seed), 1 / Math.sqrt(inputs));
  return {
    features: random(shape, 1) as tf.Tensor4D,
    kernels: {
      convolution: kernel([7, 7, channels, 1], 49, 2),
      spread: kernel([channels, hidden], channels, 3),
      gather: kernel([hidden, channels], hidden, 4),
    },
    convolutionBias: tf.add(random([channels], 5), 3),
    normWeight: random([channels], 6),
    normBias: random([channels], 7),
    spreadBias: random([hidden], 8),
    gatherBias: random([channels], 9),
  };
}

/** The same in operations of their own. */
function inSteps(
  x: ReturnType<typeof block>,
  activation: "gelu" | "relu",
): tf.Tensor {
  const convolved = depthwiseConvolution(
    x.features,
    x.kernels.convolution as tf.Tensor4D,
    x.convolutionBias as tf.Tensor1D,
  );
  const rows = pointwise(
    pointwise(
      tf.reshape(
        layerNorm(convolved, x.normWeight, x.normBias, 1e-6),
        [-1, x.features.shape[3]],
      ),
      x.kernels.spread as tf.Tensor2D,
      x.spreadBias,
      { activation },
    ),
    x.kernels.gather as tf.Tensor2D,
    x.gatherBias,
  );
  return tf.add(x.features, tf.reshape(rows, x.features.shape));
}

// Widths with and without whole panels and registers; pixels with and without
// whole tiles and runs, in groups of rows (many) and of columns (few).
const CASES: [[number, number, number, number], number][] = [
  [[1, 1, 1, 3], 5],
  [[1, 1, 7, 16], 64],
  [[1, 3, 11, 24], 96],
  [[1, 7, 7, 96], 384],
  [[2, 25, 20, 40], 160],
  [[5, 40, 25, 7], 28],
  [[1, 28, 25, 384], 1536],
  [[3, 2, 9, 8], 32],
];

for (const [shape, hidden] of CASES) {
  for (const activation of ["gelu", "relu"] as const) {
    Deno.test(
      `${
        shape.join(" x ")
      }, ${hidden} hidden, ${activation}: the block in one operation equals its steps`,
      async () => {
        const difference = tf.tidy(() => {
          const x = block(shape, hidden);
          const packed = packBlock(x.kernels);
          // No backend but TensorFlow's and wasm's has one.
          if (!packed) return undefined;
          const fused = fusedBlock(x.features, { ...x, packed }, {
            epsilon: 1e-6,
            activation,
          });
          assertEquals(fused.shape, shape);
          return tf.max(tf.abs(tf.sub(fused, inSteps(x, activation))));
        });
        if (!difference) return;
        const [most] = await difference.data();
        difference.dispose();
        assert(most! < 2e-5, `${most}`);
      },
    );
  }
}

Deno.test("weights of another block are refused", () => {
  tf.tidy(() => {
    const x = block([1, 2, 2, 8], 32);
    const packed = packBlock(x.kernels);
    if (!packed) return;
    assertThrows(
      () =>
        fusedBlock(x.features, {
          ...x,
          packed: { ...packed, gather: packed.spread },
        }, { epsilon: 1e-6, activation: "gelu" }),
      BackendError,
      "weights do not fit 8 channels, 32 hidden",
    );
  });
});

Deno.test("a block that is computed again is the same to the last bit", async () => {
  const results = tf.tidy(() => {
    const x = block([1, 14, 14, 32], 128);
    const packed = packBlock(x.kernels);
    if (!packed) return [];
    // Of two sizes in turn: threads must not take one job for another.
    const small = tf.slice(x.features, [0, 3, 0, 0], [1, 5, 14, 32]);
    return Array.from(
      { length: 300 },
      (_, i) =>
        fusedBlock(
          i % 2 ? small as tf.Tensor4D : x.features,
          { ...x, packed },
          {
            epsilon: 1e-6,
            activation: "gelu",
          },
        ),
    );
  });
  const values = await Promise.all(results.map((result) => result.data()));
  tf.dispose(results);
  for (const [i, value] of values.entries()) assertEquals(value, values[i % 2]);
});

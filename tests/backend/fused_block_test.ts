import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  fusedBlock,
  layerNorm,
  packKernel,
  pointwise,
} from "../../src/backend/mod.ts";
import { BackendError } from "../../src/fusion_error.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const canFuse = tf.tidy(() => packKernel(tf.zeros([1, 1])) !== undefined);

function random(shape: number[], seed: number): tf.Tensor {
  return tf.randomNormal(shape, 0, 1, "float32", seed);
}

function inputs(rows: number, channels: number, hidden: number) {
  const scale = (values: tf.Tensor, by: number): tf.Tensor =>
    tf.mul(values, 1 / Math.sqrt(by));
  return {
    features: tf.add(random([rows, channels], 1), 3) as tf.Tensor2D,
    residual: random([rows, channels], 2) as tf.Tensor2D,
    normWeight: random([channels], 3),
    normBias: random([channels], 4),
    spread: scale(random([channels, hidden], 5), channels) as tf.Tensor2D,
    spreadBias: random([hidden], 6),
    gather: scale(random([hidden, channels], 7), hidden) as tf.Tensor2D,
    gatherBias: random([channels], 8),
  };
}

// Widths with and without whole panels and registers; rows with and without
// whole tiles, in groups of rows (many) and of columns (few).
const CASES = [
  [1, 3, 5],
  [7, 16, 64],
  [33, 24, 96],
  [49, 96, 384],
  [1000, 40, 160],
  [5000, 7, 28],
  [700, 384, 1536],
] as const;

for (const [rows, channels, hidden] of CASES) {
  for (const activation of ["gelu", "relu"] as const) {
    Deno.test({
      name:
        `${rows} x ${channels} x ${hidden}, ${activation}: the block in one operation equals its steps`,
      ignore: !canFuse,
      async fn() {
        const difference = tf.tidy(() => {
          const x = inputs(rows, channels, hidden);
          const steps = pointwise(
            pointwise(
              layerNorm(x.features, x.normWeight, x.normBias, 1e-6),
              x.spread,
              x.spreadBias,
              { activation },
            ),
            x.gather,
            x.gatherBias,
            { residual: x.residual },
          );
          const block = fusedBlock(x.features, x.residual, {
            ...x,
            spreadPacked: packKernel(x.spread)!,
            gatherPacked: packKernel(x.gather)!,
          }, { epsilon: 1e-6, activation });
          assertEquals(block.shape, steps.shape);
          return tf.max(tf.abs(tf.sub(block, steps)));
        });
        const [most] = await difference.data();
        difference.dispose();
        assert(most! < 2e-5, `${most}`);
      },
    });
  }
}

Deno.test({
  name: "weights of another block are refused",
  ignore: !canFuse,
  fn() {
    tf.tidy(() => {
      const x = inputs(4, 8, 32);
      const packed = packKernel(x.spread)!;
      assertThrows(
        () =>
          fusedBlock(x.features, x.residual, {
            ...x,
            spreadPacked: packed,
            gatherPacked: packed,
          }, { epsilon: 1e-6, activation: "gelu" }),
        BackendError,
        "weights do not fit 8 channels, 32 hidden",
      );
    });
  },
});

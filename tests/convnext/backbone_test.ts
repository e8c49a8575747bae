import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { fusedBackbone, hasNativeOps } from "../../src/backend/mod.ts";
import {
  backboneOf,
  createConvNext,
  parseConvNextConfig,
} from "../../src/convnext/mod.ts";
import { BackendError } from "../../src/fusion_error.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

/** A classifier whose every weight is drawn, seeded. */
function classifier(values: Record<string, unknown>): tf.LayersModel {
  const config = parseConvNextConfig({
    model_type: "convnext",
    depths: [1, 2, 3, 1],
    hidden_sizes: [32, 64, 96, 160],
    num_channels: 3,
    num_labels: 5,
    ...values,
  }, "test");
  const model = createConvNext(config, { initialize: false });
  model.setWeights(
    model.getWeights().map((weight, i) =>
      tf.tidy(() => {
        const fanIn = weight.shape.slice(0, -1).reduce((a, b) => a * b, 1);
        const drawn = tf.randomNormal(weight.shape, 0, 1, "float32", i + 1);
        // LayerNorm's weights and biases too are far from 1 and 0.
        return tf.mul(drawn, weight.rank === 1 ? 1 : 1 / Math.sqrt(fanIn));
      })
    ),
  );
  return model;
}

/** The same layers, gone through one by one. */
function layerByLayer(backbone: tf.LayersModel): tf.LayersModel {
  return tf.model({ inputs: backbone.inputs, outputs: backbone.outputs });
}

async function assertSame(
  backbone: tf.LayersModel,
  pixels: tf.Tensor,
): Promise<void> {
  const [found, expected] = [
    backbone.apply(pixels) as tf.Tensor,
    layerByLayer(backbone).apply(pixels) as tf.Tensor,
  ];
  assertEquals(found.shape, expected.shape);
  const [worst, size] = await Promise.all([
    tf.max(tf.abs(tf.sub(found, expected))).data(),
    tf.max(tf.abs(expected)).data(),
  ]);
  assert(size[0]! > 0.1, `features as small as ${size[0]}`);
  assert(worst[0]! <= 2e-5 * size[0]!, `${worst[0]} of ${size[0]}`);
}

const CASES: [string, Record<string, unknown>, number[]][] = [
  ["one image", {}, [1, 64, 64, 3]],
  ["a side that no patch divides", {}, [3, 71, 97, 3]],
  ["many rows", { depths: [2, 1, 1, 1] }, [9, 128, 128, 3]],
  ["ReLU, no layer scale", {
    hidden_act: "relu",
    layer_scale_init_value: 0,
  }, [2, 64, 64, 3]],
  ["SiLU", { hidden_act: "silu" }, [2, 64, 64, 3]],
  ["no whole panels", { hidden_sizes: [24, 40, 72, 100] }, [2, 64, 64, 3]],
  ["two stages, one channel, patches of 2", {
    num_stages: 2,
    depths: [2, 2],
    hidden_sizes: [64, 128],
    num_channels: 1,
    patch_size: 2,
    layer_norm_eps: 0.1,
  }, [4, 28, 28, 1]],
  ["patches that are not square", { patch_size: [4, 2] }, [2, 64, 64, 3]],
];

for (const [name, values, shape] of CASES) {
  Deno.test(`a backbone computes what its layers do: ${name}`, async () => {
    const backbone = backboneOf(classifier(values));
    await assertSame(
      backbone,
      tf.randomNormal(shape, 0, 1, "float32", 7),
    );
  });
}

Deno.test("a backbone computes with the weights of now, and leaves nothing", async () => {
  const backbone = backboneOf(classifier({}));
  const pixels = tf.randomNormal([1, 64, 64, 3], 0, 1, "float32", 7);
  await assertSame(backbone, pixels);
  const before = backbone.apply(pixels) as tf.Tensor;
  const drawn = backbone.getWeights().map((weight) => tf.mul(weight, 1.1));
  backbone.setWeights(drawn);
  await assertSame(backbone, pixels);
  const after = backbone.apply(pixels) as tf.Tensor;
  const change = await tf.max(tf.abs(tf.sub(after, before))).data();
  assert(change[0]! > 0.01);
  const { numTensors } = tf.memory();
  (backbone.apply(pixels) as tf.Tensor).dispose();
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("a backbone takes images of whole numbers, and arguments are optional", async () => {
  const backbone = backboneOf(classifier({}));
  const drawn = tf.randomUniform([1, 64, 64, 3], 0, 256, "float32", 7);
  const pixels = tf.cast(drawn, "int32");
  await assertSame(backbone, pixels);
  const call = backbone.call.bind(backbone) as (x: tf.Tensor) => tf.Tensor;
  const called = [call(pixels)].flat()[0]!;
  const applied = backbone.apply(pixels) as tf.Tensor;
  assertEquals(await called.data(), await applied.data());
});

for (const hidden_act of ["gelu", "relu"]) {
  Deno.test({
    name:
      `TensorFlow's library shows a weight that is not a number: ${hidden_act}`,
    ignore: !hasNativeOps(),
    async fn() {
      const backbone = backboneOf(classifier({ hidden_act }));
      const bias = backbone.weights.find(({ name }) =>
        name.includes("pwconv1.b")
      );
      bias!.write(tf.fill(bias!.shape as number[], NaN));
      const pixels = tf.randomNormal([1, 64, 64, 3], 0, 1, "float32", 7);
      const features = await (backbone.apply(pixels) as tf.Tensor).data();
      assert(features.every(Number.isNaN));
    },
  });
}

Deno.test({
  name: "TensorFlow's library refuses images smaller than a patch",
  ignore: !hasNativeOps(),
  fn() {
    const backbone = backboneOf(classifier({}));
    // A first attempt that is refused says nothing of those that follow.
    for (const shape of [[1, 1, 1, 3], [1, 64, 64, 3], [1, 64, 31, 3]]) {
      const pixels = tf.ones(shape);
      if (shape[2] === 64) backbone.apply(pixels);
      else assertThrows(() => backbone.apply(pixels), Error);
    }
  },
});

Deno.test("a backbone can be differentiated", async () => {
  const backbone = backboneOf(classifier({}));
  const pixels = tf.randomNormal([1, 64, 64, 3], 0, 1, "float32", 7);
  const gradient = tf.grad((x) => tf.sum(backbone.apply(x) as tf.Tensor))(
    pixels,
  );
  const largest = await tf.max(tf.abs(gradient)).data();
  assert(largest[0]! > 1e-6);
});

Deno.test({
  name: "TensorFlow's library refuses weights that do not fit a backbone",
  ignore: !hasNativeOps(),
  fn() {
    const pixels = tf.ones([1, 8, 8, 3]) as tf.Tensor4D;
    const options = {
      depths: [0],
      epsilon: 1e-6,
      lastEpsilon: 1e-6,
      activation: "gelu",
    } as const;
    const weights = [[4, 4, 3, 32], [32], [32], [32], [32], [32]].map((shape) =>
      tf.ones(shape)
    );
    const pooled = fusedBackbone(pixels, [weights], options);
    // A processor without AVX2.
    if (!pooled) return;
    assertEquals(pooled.shape, [1, 32]);
    for (const [i] of weights.entries()) {
      for (
        const wrong of [
          weights.toSpliced(i, 1),
          weights.with(i, tf.ones([3])),
          weights.with(i, tf.ones([4, 4, 2, 32])),
        ]
      ) {
        assertThrows(
          () => fusedBackbone(pixels, [wrong], options),
          BackendError,
          "ConvNextFusionBackbone",
        );
      }
    }
    assertThrows(
      () => fusedBackbone(pixels, [weights], { ...options, depths: [1] }),
      BackendError,
      "expected 15 inputs",
    );
  },
});

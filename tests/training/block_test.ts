import * as tf from "@tensorflow/tfjs";
import { assert, assertEquals } from "@std/assert";
import { createConvNext, parseConvNextConfig } from "../../src/convnext/mod.ts";
import { crossEntropy } from "../../src/training/cross_entropy.ts";
import { lossAndGradients } from "../../src/training/gradients.ts";
import { parametersOf } from "../../src/training/parameters.ts";
import { randomSequence } from "../../src/training/random.ts";
import { testBackend, testBackendName } from "../test_backend.ts";
import { randomNormal } from "./random_normal.ts";

/** Widths of which some fill a register, some two and a half, some neither. */
const WIDTHS = [16, 48, 80, 20];
const SIZE = 40;
const IMAGES = 9;

function model(): tf.LayersModel {
  const model = createConvNext(
    parseConvNextConfig({
      model_type: "convnext",
      num_channels: 3,
      patch_size: 2,
      num_stages: WIDTHS.length,
      hidden_sizes: WIDTHS,
      depths: WIDTHS.map(() => 1),
      image_size: SIZE,
      layer_norm_eps: 1e-6,
      layer_scale_init_value: 0.5,
      id2label: { 0: "a", 1: "b", 2: "c" },
    }, "widths"),
    { initialize: false },
  );
  for (const { name, variable } of parametersOf(model)) {
    const isScale =
      /layernorm\.weight|layer_scale|downsampling_layer\.0\.weight/.test(name);
    const values = randomNormal(variable.size, 0.2, randomSequence(1, name));
    tf.tidy(() =>
      variable.assign(
        tf.add(tf.tensor(values, variable.shape), isScale ? 1 : 0),
      )
    );
  }
  return model;
}

Deno.test("a block's gradient is that of its operations, and repeats", async () => {
  await testBackend();
  const classifier = model();
  const parameters = parametersOf(classifier);
  const count = IMAGES * SIZE * SIZE * 3;
  const labels = Int32Array.from({ length: IMAGES }, (_, i) => i % 3);
  const batch = {
    pixelValues: tf.tensor4d(
      randomNormal(count, 1, randomSequence(2, "pixels")),
      [IMAGES, SIZE, SIZE, 3],
    ),
    labels,
  };
  const found = lossAndGradients(classifier, parameters, batch);
  const again = lossAndGradients(classifier, parameters, batch);
  const expected = tf.tidy(() =>
    tf.variableGrads(
      () =>
        crossEntropy(
          classifier.apply(batch.pixelValues) as tf.Tensor2D,
          labels,
        ),
      parameters.map(({ variable }) => variable),
    )
  );
  const [loss] = await found.loss.data();
  const [plainLoss] = await expected.value.data();
  assert(Math.abs(loss! - plainLoss!) < 1e-5, `${loss} and ${plainLoss}`);
  for (const { name, variable } of parameters) {
    const gradient = found.gradients[variable.name]!;
    const plain = expected.grads[variable.name]!;
    assertEquals(gradient.shape, variable.shape, name);
    const norms = tf.tidy(() =>
      tf.stack([tf.norm(tf.sub(gradient, plain)), tf.norm(plain)])
    );
    const [distance, size] = await norms.data();
    norms.dispose();
    const most = testBackendName === "webgpu" ? 1e-3 : 2e-5;
    assert(distance! <= most * size! + 1e-7, `${name}: ${distance} of ${size}`);
    // WebGPU's products add parts up in the order in which they come.
    if (testBackendName === "webgpu") continue;
    assertEquals(
      await again.gradients[variable.name]!.data(),
      await gradient.data(),
      name,
    );
  }
  tf.dispose([found, again, expected] as unknown as tf.TensorContainer);
  batch.pixelValues.dispose();
  classifier.dispose();
});

import * as tf from "@tensorflow/tfjs";
import { assert, assertEquals } from "@std/assert";
import { createConvNext, parseConvNextConfig } from "../../src/convnext/mod.ts";
import { lossAndGradients } from "../../src/training/gradients.ts";
import { type Parameter, parametersOf } from "../../src/training/parameters.ts";
import { randomSequence } from "../../src/training/random.ts";
import { testBackend } from "../test_backend.ts";
import { randomNormal } from "./random_normal.ts";

/** Far enough for float32, near enough for the curve. */
const DISTANCE = 1e-2;

/** A micro model whose every weight matters: none is near 0 or 1 alone. */
function microModel(modelType: string): tf.LayersModel {
  const model = createConvNext(
    parseConvNextConfig({
      model_type: modelType,
      num_channels: 3,
      patch_size: 2,
      num_stages: 2,
      hidden_sizes: [4, 6],
      depths: [1, 1],
      image_size: 8,
      layer_norm_eps: 1e-6,
      layer_scale_init_value: 0.5,
      id2label: { 0: "a", 1: "b", 2: "c" },
    }, "micro"),
    { initialize: false },
  );
  for (const { name, variable } of parametersOf(model)) {
    const isScale =
      /layernorm\.weight|layer_scale|downsampling_layer\.0\.weight/
        .test(name);
    const values = randomNormal(variable.size, 0.3, randomSequence(1, name));
    tf.tidy(() =>
      variable.assign(
        tf.add(tf.tensor(values, variable.shape), isScale ? 1 : 0),
      )
    );
  }
  return model;
}

/** The loss where a weight is moved along a direction. */
async function lossAt(
  model: tf.LayersModel,
  head: Parameter[],
  { variable }: Parameter,
  direction: tf.Tensor,
  distance: number,
  batch: { pixelValues: tf.Tensor4D; labels: Int32Array },
): Promise<number> {
  const before = tf.clone(variable);
  tf.tidy(() => variable.assign(tf.add(variable, tf.mul(direction, distance))));
  const { loss, gradients } = lossAndGradients(model, head, batch, 0.1);
  const [value] = await loss.data();
  variable.assign(before);
  tf.dispose([loss, gradients]);
  return value!;
}

for (const modelType of ["convnext", "convnextv2"]) {
  Deno.test(`${modelType}: every weight's gradient is the slope`, async () => {
    await testBackend();
    const model = microModel(modelType);
    const parameters = parametersOf(model);
    const head = parameters.filter(({ part }) => part === "head");
    const pixels = randomNormal(2 * 8 * 8 * 3, 1, randomSequence(2, "pixels"));
    const batch = {
      pixelValues: tf.tensor4d(pixels, [2, 8, 8, 3]),
      labels: Int32Array.from([0, 2]),
    };
    const { loss, gradients } = lossAndGradients(model, parameters, batch, 0.1);
    loss.dispose();
    assertEquals(Object.keys(gradients).length, parameters.length);
    for (const parameter of parameters) {
      const { name, variable } = parameter;
      const gradient = gradients[variable.name]!;
      assertEquals(gradient.shape, variable.shape, name);
      // Along a random direction every element takes part; along the gradient
      // itself the slope is largest.
      const values = await gradient.data() as Float32Array;
      const length = Math.hypot(...values);
      assert(length > 1e-4, `${name}: its gradient vanishes`);
      const random = randomNormal(variable.size, 1, randomSequence(3, name));
      const randomLength = Math.hypot(...random);
      for (
        const unit of [
          Float32Array.from(values, (value) => value / length),
          random.map((value) => value / randomLength),
        ]
      ) {
        const direction = tf.tensor(unit, variable.shape);
        const [above, below] = [
          await lossAt(model, head, parameter, direction, DISTANCE, batch),
          await lossAt(model, head, parameter, direction, -DISTANCE, batch),
        ];
        direction.dispose();
        const slope = (above - below) / (2 * DISTANCE);
        const expected = values.reduce((sum, g, i) => sum + g * unit[i]!, 0);
        const error = Math.abs(slope - expected);
        assert(
          error < 1e-4 + 0.01 * length,
          `${name}: gradient ${expected}, slope ${slope}`,
        );
      }
    }
    tf.dispose([gradients, batch.pixelValues]);
    model.dispose();
  });
}

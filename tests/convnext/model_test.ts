import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint, type StateDict } from "../../src/checkpoint/mod.ts";
import {
  configOf,
  createConvNext,
  fusionTargets,
  hiddenStatesModel,
  loadConvNext,
  parseConvNextConfig,
  stateDictOf,
  weightShapes,
} from "../../src/convnext/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { dataPath, relativeDifference } from "../reference.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

async function nhwc(golden: StateDict, name: string): Promise<tf.Tensor4D> {
  const values = await golden.read(name);
  const shape = golden.info(name).shape as [number, number, number, number];
  return tf.tidy(() => tf.transpose(tf.tensor4d(values, shape), [0, 2, 3, 1]));
}

for (
  const [pool, names] of [
    ["tests/data/micro_pool", ["pretrained", "alpha", "beta", "gamma"]],
    ["tests/data/demo_pool", ["pretrained", "emoji", "fashion_mnist", "mnist"]],
  ] as const
) {
  const golden = await openCheckpoint(
    dataPath(
      `tests/data/golden/forward_${
        pool === "tests/data/demo_pool" ? "demo" : "micro"
      }.safetensors`,
    ),
  );
  for (const name of names) {
    Deno.test(`${pool}/${name}: logits and hidden states equal transformers'`, async () => {
      const model = await loadConvNext(dataPath(`${pool}/${name}`));
      const pixels = await nhwc(golden, `${name}.pixel_values`);
      const logits = model.apply(pixels) as tf.Tensor;
      const difference = relativeDifference(
        await logits.data(),
        await golden.read(`${name}.logits`),
      );
      assert(difference < 1e-4, `logits differ by ${difference}`);
      const states = hiddenStatesModel(model, configOf(model)).apply(
        pixels,
      ) as tf.Tensor[];
      assertEquals(states.length, 5);
      for (const [i, state] of states.entries()) {
        const expected = await nhwc(golden, `${name}.hidden_states.${i}`);
        assertEquals(state.shape, expected.shape);
        const difference = relativeDifference(
          await state.data(),
          await expected.data(),
        );
        assert(difference < 1e-4, `hidden state ${i} differs by ${difference}`);
      }
      tf.dispose([pixels, logits, states]);
      model.dispose();
    });
  }
}

Deno.test("a model's state dict has the file's names, shapes and values", async () => {
  const folder = dataPath("tests/data/micro_pool/beta");
  const file = await openCheckpoint(folder);
  const model = await loadConvNext(folder);
  const view = stateDictOf(model);
  assertEquals(view.names.toSorted(), [...file.names].sort());
  for (const name of file.names) {
    assertEquals(view.info(name), file.info(name));
    assertEquals(await view.read(name), await file.read(name));
  }
  const name = "convnext.encoder.stages.2.downsampling_layer.1.weight";
  assertEquals(await view.read(name, 5, 17), await file.read(name, 5, 17));
  await assertRejects(() => view.read(name, 0, 1e9), CheckpointError, name);
});

Deno.test("model.save and loadLayersModel keep weights, config and fusion targets", async () => {
  const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(tf.io.withSaveHandler((artifacts) => {
    saved = artifacts;
    return Promise.resolve({
      modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" },
    });
  }));
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved!));
  assertEquals(fusionTargets(loaded), ["convnext"]);
  assertEquals(configOf(loaded), configOf(model));
  const [before, after] = [stateDictOf(model), stateDictOf(loaded)];
  assertEquals(after.names, before.names);
  for (const name of before.names) {
    assertEquals(await after.read(name), await before.read(name));
  }
  const pixels = tf.randomNormal([2, 32, 32, 3], 0, 1, "float32", 1);
  assertEquals(
    await (loaded.apply(pixels) as tf.Tensor).data(),
    await (model.apply(pixels) as tf.Tensor).data(),
  );
});

Deno.test("other image sizes than the config's give logits too", async () => {
  const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));
  const logits = model.apply(tf.ones([1, 48, 64, 3])) as tf.Tensor;
  assertEquals(logits.shape, [1, 4]);
});

for (
  const [size, depths, hidden_sizes, parameters] of [
    // Parameter counts of facebook/convnext-{tiny,base}-224 with 1,000 classes.
    ["tiny", [3, 3, 9, 3], [96, 192, 384, 768], 28_589_128],
    ["base", [3, 3, 27, 3], [128, 256, 512, 1024], 88_591_464],
  ] as const
) {
  Deno.test(`convnext-${size} has ${parameters} parameters`, () => {
    const config = parseConvNextConfig({
      model_type: "convnext",
      depths,
      hidden_sizes,
      num_labels: 1000,
    }, size);
    const model = createConvNext({ ...config, initializer_range: 0 });
    assertEquals(model.countParams(), parameters);
    assertEquals(
      weightShapes(model).get(
        "convnext.encoder.stages.1.layers.2.dwconv.weight",
      ),
      [hidden_sizes[1], 1, 7, 7],
    );
    model.dispose();
  });
}

import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import {
  backboneOf,
  configOf,
  createConvNext,
  fusionTargets,
  fusionTargetsAmong,
  hiddenStatesModel,
  loadConvNext,
  loadLayersModel,
  parseConvNextConfig,
  saveLayersModel,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { dataPath, relativeDifference } from "../reference.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const FOLDER = dataPath("tests/data/formats/convnextv2");

async function readForward(): Promise<Record<string, tf.Tensor>> {
  const file = await openCheckpoint(`${FOLDER}/forward.safetensors`);
  const tensors: Record<string, tf.Tensor> = {};
  for (const name of file.names) {
    const tensor = tf.tensor(await file.read(name), [...file.info(name).shape]);
    tensors[name] = tensor.rank === 4
      ? tf.transpose(tensor, [0, 2, 3, 1])
      : tensor;
  }
  file.close();
  return tensors;
}

async function assertNear(
  actual: tf.Tensor,
  expected: tf.Tensor,
): Promise<void> {
  assertEquals(actual.shape, expected.shape);
  const difference = relativeDifference(
    await actual.data(),
    await expected.data(),
  );
  assert(difference < 1e-4, `differs by ${difference}`);
}

Deno.test("ConvNeXt V2: logits and hidden states equal transformers'", async () => {
  const forward = await readForward();
  const model = await loadConvNext(FOLDER);
  const pixels = forward["pixel_values"]!;
  await assertNear(model.apply(pixels) as tf.Tensor, forward["logits"]!);
  const states = hiddenStatesModel(model, configOf(model)).apply(
    pixels,
  ) as tf.Tensor[];
  await assertNear(states[0]!, forward["hidden_states.0"]!);
  await assertNear(states[4]!, forward["hidden_states.4"]!);
  model.dispose();
});

Deno.test("ConvNeXt V2: names, layouts and fusion targets are transformers'", async () => {
  const file = await openCheckpoint(FOLDER);
  const model = await loadConvNext(FOLDER);
  assertEquals(model.name, "ConvNextV2ForImageClassification");
  assertEquals(backboneOf(model).name, "convnextv2");
  assertEquals(fusionTargets(model), ["convnextv2"]);
  assertEquals(fusionTargetsAmong(file.names), ["convnextv2"]);
  const view = stateDictOf(model);
  assertEquals(view.names.toSorted(), file.names.toSorted());
  for (const name of file.names) {
    assertEquals(view.info(name), file.info(name), name);
    assertEquals(await view.read(name), await file.read(name), name);
  }
  await inTemporaryFolder(async (folder) => {
    await saveLayersModel(model, folder);
    const loaded = await loadLayersModel(folder);
    assertEquals(fusionTargets(loaded), ["convnextv2"]);
    const pixels = tf.randomNormal([1, 32, 32, 3]);
    assertEquals(
      await (loaded.apply(pixels) as tf.Tensor).data(),
      await (model.apply(pixels) as tf.Tensor).data(),
    );
    loaded.dispose();
  });
  model.dispose();
  file.close();
});

Deno.test("convnextv2-tiny has 28,635,496 parameters", () => {
  const config = parseConvNextConfig({
    model_type: "convnextv2",
    num_labels: 1000,
    initializer_range: 0,
  }, "tiny");
  const model = createConvNext(config);
  assertEquals(model.countParams(), 28_635_496);
  model.dispose();
});

Deno.test("ConvNeXt V2's gradients are finite where responses are zero", async () => {
  const model = await loadConvNext(FOLDER);
  const { value, grads } = tf.variableGrads(() =>
    tf.mean(tf.square(model.apply(tf.zeros([1, 32, 32, 3])) as tf.Tensor))
  );
  assert(Number.isFinite((await value.data())[0]));
  assertEquals(Object.keys(grads).length, model.trainableWeights.length);
  for (const [name, gradient] of Object.entries(grads)) {
    assert((await gradient.data()).every(Number.isFinite), name);
  }
  model.dispose();
});

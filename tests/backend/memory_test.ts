import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { createConvNext, parseConvNextConfig } from "../../src/convnext/mod.ts";
import { testBackend, testBackendName } from "../test_backend.ts";

await testBackend();

const model = createConvNext(parseConvNextConfig({
  model_type: "convnext",
  depths: [1, 1, 2, 1],
  hidden_sizes: [8, 16, 24, 32],
  num_labels: 4,
}, "micro"));

async function batch(): Promise<void> {
  const pixels = tf.ones([2, 32, 32, 3]);
  const logits = tf.tidy(() => model.apply(pixels) as tf.Tensor);
  await logits.data();
  tf.dispose([pixels, logits]);
}

Deno.test("after the first batch, 1,000 more take no memory", async () => {
  await batch();
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  // JavaScript's own garbage and caches settle within a tenth of the run.
  for (let i = 0; i < 100; i++) await batch();
  const resident = Deno.memoryUsage().rss;
  for (let i = 0; i < 900; i++) await batch();
  const after = tf.memory();
  assertEquals(
    [after.numTensors, after.numDataBuffers, after.numBytes],
    [numTensors, numDataBuffers, numBytes],
  );
  // 900 batches that leave their 24 kB of pixels would take 22 MB, and with
  // their hidden states 150 MB.
  const grown = (Deno.memoryUsage().rss - resident) / 2 ** 20;
  assert(grown < 20, `${testBackendName}: ${grown.toFixed(1)} MiB more`);
});

Deno.test("weights that are written to are what inference uses next", async () => {
  const pixels = tf.randomNormal([1, 32, 32, 3], 0, 1, "float32", 1);
  const output = async (): Promise<number[]> => {
    const logits = tf.tidy(() => model.apply(pixels) as tf.Tensor);
    const values = [...await logits.data()];
    logits.dispose();
    return values;
  };
  const before = await output();
  const variables = model.weights.filter(({ originalName }) =>
    /layer_scale|pwconv2/.test(originalName)
  );
  assert(variables.length > 0);
  const saved = variables.map((variable) => variable.read().clone());
  for (const variable of variables) {
    variable.write(tf.randomNormal(variable.shape as number[]));
  }
  const changed = await output();
  assert(changed.some((value, i) => Math.abs(value - before[i]!) > 1e-3));
  for (const [i, variable] of variables.entries()) variable.write(saved[i]!);
  assertEquals(await output(), before);
});

Deno.test("a model that is disposed of leaves no tensor", () => {
  const { numTensors } = tf.memory();
  const weights = model.weights.length;
  model.dispose();
  // Each of the five blocks kept a scaled kernel and bias.
  assertEquals(tf.memory().numTensors, numTensors - weights - 10);
});

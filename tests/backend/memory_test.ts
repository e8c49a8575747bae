import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { packBlock } from "../../src/backend/mod.ts";
import { loadConvNext } from "../../src/convnext/mod.ts";
import { dataPath } from "../reference.ts";
import { testBackend, testBackendName } from "../test_backend.ts";

await testBackend();

const STEADY_MEMORY = dataPath("tests/backend/steady_memory.ts");

const canPack = tf.tidy(() =>
  packBlock({
    convolution: tf.zeros([7, 7, 8, 1]),
    spread: tf.zeros([8, 32]),
    gather: tf.zeros([32, 8]),
  }) !== undefined
);
const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));

Deno.test("after the first batch, 1,000 more take no memory", async () => {
  // In a process of its own: other tests' memory would count as this one's.
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", STEADY_MEMORY],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text !== "", new TextDecoder().decode(stderr));
  const { before, after, grown } = JSON.parse(text.trim().split("\n").at(-1)!);
  assertEquals(after, before);
  // 900 batches that leave their 24 kB of pixels would take 22 MB, and with
  // their hidden states 150 MB.
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
  // Each of the five blocks kept a scaled bias, and a scaled kernel or two
  // packed ones.
  const kept = canPack ? 4 : 2;
  assertEquals(tf.memory().numTensors, numTensors - weights - 5 * kept);
});

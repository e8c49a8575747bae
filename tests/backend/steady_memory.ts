/**
 * Runs 1,001 small batches and prints, as JSON, TensorFlow.js' counts after the
 * first and the last one, and by how many MiB the process has grown over the
 * last 900. Run by `memory_test.ts`.
 */
import * as tf from "@tensorflow/tfjs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { loadConvNext } from "../../src/convnext/mod.ts";
import { dataPath } from "../reference.ts";
import { testBackend } from "../test_backend.ts";

// On WebGPU a batch leaves small objects of JavaScript whose memory on the
// device is free once they are collected; that is not what is looked for here.
setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

await testBackend();
const model = await loadConvNext(dataPath("tests/data/micro_pool/alpha"));

async function batch(): Promise<void> {
  const pixels = tf.ones([2, 32, 32, 3]);
  const logits = tf.tidy(() => model.apply(pixels) as tf.Tensor);
  await logits.data();
  tf.dispose([pixels, logits]);
}

function counts(): number[] {
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  return [numTensors, numDataBuffers, numBytes];
}

await batch();
const before = counts();
// JavaScript's own caches settle within a tenth of the run.
for (let i = 0; i < 100; i++) await batch();
collectGarbage();
const resident = Deno.memoryUsage().rss;
for (let i = 1; i <= 900; i++) {
  await batch();
  if (i % 100 === 0) collectGarbage();
}
const grown = (Deno.memoryUsage().rss - resident) / 2 ** 20;
console.log(JSON.stringify({ before, after: counts(), grown }));
Deno.exit();

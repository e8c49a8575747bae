/**
 * Times our model on one backend, as timed_process.ts asks.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type BackendChoice, useBackend } from "../src/backend/mod.ts";
import { createConvNext } from "../src/convnext/mod.ts";
import { FusionError } from "../src/fusion_error.ts";
import { configOfSize } from "./convnext_sizes.ts";
import { TextLineStream } from "./text_lines.ts";
import type { Case } from "./timed_process.ts";

const backend = Deno.args[0] as BackendChoice;
try {
  const { device } = await useBackend(backend);
  console.log(`${backend} (${device})`);
} catch (error) {
  if (!(error instanceof FusionError)) throw error;
  console.error(error.message);
  Deno.exit(0);
}

let built: { size: string; model: tf.LayersModel } | undefined;
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  const { size, batch } = JSON.parse(line) as Case;
  if (built?.size !== size) {
    built?.model.dispose();
    built = { size, model: createConvNext(configOfSize(size)) };
  }
  const pixels = tf.randomNormal([batch, 224, 224, 3], 0, 1, "float32", 1);
  await pixels.data();
  const begin = performance.now();
  const logits = tf.tidy(() => built!.model.apply(pixels) as tf.Tensor);
  await logits.data();
  console.log(performance.now() - begin);
  tf.dispose([pixels, logits]);
}

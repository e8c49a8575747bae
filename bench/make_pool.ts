/**
 * Makes a pool of ConvNeXt-base folders with random weights: a common start
 * and experts at small distances from it, float32, 354 MB each.
 */
import { join } from "@std/path";
import { SafetensorsWriter } from "../src/checkpoint/mod.ts";
import {
  createConvNext,
  parseConvNextConfig,
  weightShapes,
} from "../src/convnext/mod.ts";
import { elementCount } from "../src/checkpoint/mod.ts";

const CONFIG = {
  architectures: ["ConvNextForImageClassification"],
  model_type: "convnext",
  depths: [3, 3, 27, 3],
  hidden_sizes: [128, 256, 512, 1024],
  image_size: 224,
  patch_size: 4,
  num_channels: 3,
  num_stages: 4,
  num_labels: 1000,
};

/** Names of the benchmark pool's models. */
export const MODELS: readonly string[] = [
  "pretrained",
  ...Array.from({ length: 8 }, (_, i) => `expert${i}`),
];

/** Fills with evenly distributed numbers of mean 0; fast, and seeded. */
function fill(values: Float32Array, seed: number, scale: number): void {
  let state = seed * 2654435761 >>> 0 || 1;
  for (let i = 0; i < values.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) / 4294967296 * 2 * scale - scale;
  }
}

/** Makes the pool in a folder, unless it is there. */
export async function makePool(folder: string): Promise<void> {
  const config = parseConvNextConfig(CONFIG, "benchmark");
  const model = createConvNext(config, { initialize: false });
  const shapes = [...weightShapes(model)];
  model.dispose();
  for (const [index, name] of MODELS.entries()) {
    const path = join(folder, name, "model.safetensors");
    try {
      await Deno.stat(path);
      continue;
    } catch { /* not there yet */ }
    await Deno.mkdir(join(folder, name), { recursive: true });
    await Deno.writeTextFile(
      join(folder, name, "config.json"),
      JSON.stringify(config),
    );
    const writer = await SafetensorsWriter.create(
      path,
      shapes.map(([name, shape]) => ({ name, dtype: "F32" as const, shape })),
    );
    for (const [tensor, [name, shape]] of shapes.entries()) {
      const values = new Float32Array(elementCount(shape));
      fill(values, tensor + 1, 0.04);
      if (index > 0) {
        const delta = new Float32Array(values.length);
        fill(delta, index * 1000 + tensor + 1, 0.002);
        for (let i = 0; i < values.length; i++) values[i]! += delta[i]!;
      }
      await writer.write(name, 0, values);
    }
    await writer.finish();
    console.error(`made ${path}`);
  }
}

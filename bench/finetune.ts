/**
 * Fine-tunes the reference's `pretrained` on each task's 1,000 training images
 * with three seeds, and measures test accuracy and time per step. The same
 * recipe in PyTorch: bench/finetune_torch.py.
 *
 *     deno run -A bench/finetune.ts ../shared/reference tensorflow [seeds] [tasks]
 *
 * @module
 */
import { join } from "@std/path";
import { type BackendChoice, useBackend } from "../src/backend/mod.ts";
import {
  AutoImageProcessor,
  configOf,
  labelsOf,
  loadConvNext,
  readConvNextConfig,
} from "../src/convnext/mod.ts";
import { openDataset } from "../src/dataset/mod.ts";
import { fineTune, withLabels } from "../src/training/mod.ts";

const TASKS = ["mnist", "fashion_mnist", "optdigits", "emoji"];

const [reference, backend = "tensorflow", seeds = "3", tasks] = Deno.args;
if (!reference) {
  console.error("error: expected the folder of demo_pool/ and data/");
  Deno.exit(2);
}
const active = await useBackend(backend as BackendChoice);
console.log(`${active.name} (${active.device})`);
const pretrained = join(reference, "demo_pool", "pretrained");
const processor = await AutoImageProcessor.fromPretrained(pretrained);
const means: number[] = [];
const times: number[] = [];
for (const task of tasks?.split(",") ?? TASKS) {
  const labels = labelsOf(
    await readConvNextConfig(join(reference, "demo_pool", task)),
  );
  const [train, val] = await Promise.all(
    ["train", "test"].map((split) =>
      openDataset(join(reference, "data", task, split))
    ),
  );
  const accuracies: number[] = [];
  for (let seed = 0; seed < Number(seeds); seed++) {
    const model = withLabels(await loadConvNext(pretrained), labels, seed);
    let last = performance.now();
    const result = await fineTune(model, {
      train: train!,
      val: val!,
      processor,
      optimizer: { name: "adamw", lr: 0.001, weight_decay: 0.05 },
      lr_scheduler: { name: "cosine", interval: "step" },
      max_epochs: 3,
      batch_size: 64,
      val_interval: 3,
      seed,
      onStep({ validation }) {
        const now = performance.now();
        // The first steps warm up; the last one's time has the validation's.
        if (!validation) times.push(now - last);
        last = performance.now();
      },
    });
    accuracies.push(result.validation!.accuracy);
    console.assert(labelsOf(configOf(model)).length === labels.length);
    model.dispose();
  }
  const mean = accuracies.reduce((a, b) => a + b) / accuracies.length;
  means.push(mean);
  console.log(
    `${task}: ${mean.toFixed(4)} (${
      accuracies.map((accuracy) => accuracy.toFixed(3)).join(", ")
    })`,
  );
}
times.sort((a, b) => a - b);
console.log(
  `mean ${(means.reduce((a, b) => a + b) / means.length).toFixed(4)}, ${
    times[times.length >> 1]!.toFixed(0)
  } ms a step (median)`,
);

import type * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { useBackend } from "../backend/mod.ts";
import { BACKEND_CHOICES, composeConfig } from "../config/mod.ts";
import {
  AutoImageProcessor,
  configOf,
  labelsOf,
  loadMultiTaskModel,
  type MultiTask,
} from "../convnext/mod.ts";
import { decodeImage } from "../dataset/mod.ts";
import { ConfigError, ModelPoolError } from "../fusion_error.ts";
import { resolveModelPath } from "../hub/mod.ts";
import { markdownTable } from "../report/mod.ts";
import { tellBackend } from "./tell_backend.ts";

/** A class and how likely it is. */
interface Prediction {
  label: string;
  score: number;
}

const schema = z.strictObject({
  model: z.string().min(1),
  task: z.string().nullable().default(null),
  top_k: z.int().positive().default(5),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
});

/** `fusion predict model=DIR [task=NAME] IMAGE… [top_k=5] [--json]` */
export async function predict(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  const { config, positional } = await composeConfig(words, schema);
  if (positional.length === 0) {
    throw new ConfigError("no image given, expected one or more paths");
  }
  const backend = await useBackend(config.backend);
  const folder = await resolveModelPath(config.model);
  const multiTask = await loadMultiTaskModel(folder);
  const processor = await AutoImageProcessor.fromPretrained(folder);
  const model = await headFor(multiTask, config.task, folder);
  const labels = labelsOf(configOf(model));
  const results = [];
  for (const image of positional) {
    const pixelValues = processor.toTensor([await decodeImage(image)]);
    const logits = model.apply(pixelValues) as tf.Tensor2D;
    const scores = softmax(await logits.data() as Float32Array);
    pixelValues.dispose();
    logits.dispose();
    results.push({
      image,
      task: config.task,
      predictions: topK(labels, scores, config.top_k),
    });
  }
  tellBackend(backend);
  if (json) {
    console.log(JSON.stringify(results, null, 2));
    return;
  }
  const tables = results.map(({ image, predictions }) =>
    markdownTable(
      [image, "score"],
      predictions.map(({ label, score }) => [label, score.toFixed(4)]),
    )
  );
  console.log(tables.join("\n\n"));
}

async function headFor(
  model: MultiTask,
  task: string | null,
  folder: string,
): Promise<tf.LayersModel> {
  if (task !== null) {
    if (model.tasks.includes(task)) return await model.forTask(task);
    throw new ModelPoolError(
      `${folder}: no head for task ${task}, ${
        model.tasks.length === 0
          ? "it has one head only: leave task out"
          : `it has heads for ${model.tasks.join(", ")}`
      }`,
    );
  }
  return model.model;
}

/** Probabilities, in float64. */
function softmax(logits: Float32Array): number[] {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

function topK(
  labels: readonly string[],
  scores: readonly number[],
  k: number,
): Prediction[] {
  return scores
    .map((score, id) => ({ label: labels[id] ?? `LABEL_${id}`, score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

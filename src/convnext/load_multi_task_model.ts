import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import { openCheckpoint } from "../checkpoint/mod.ts";
import {
  type EnsembleDescription,
  readEnsembleDescription,
} from "./ensemble_description.ts";
import { EnsembleModel } from "./ensemble_model.ts";
import type { MultiTask } from "./multi_task.ts";
import type { Head } from "./head.ts";
import { loadConvNext } from "./load_convnext.ts";
import { MultiTaskModel } from "./multi_task_model.ts";
import { readConvNextConfig } from "./open_convnext.ts";
import type { ModelPart } from "./model_part.ts";
import { openSurgery } from "./surgery.ts";
import { openTaskMasks } from "./task_masks.ts";
import { openWeightEnsembling } from "./weight_ensembling.ts";

/**
 * Loads a folder that a merge wrote: with its `heads/<task>/` and, where the
 * method keeps them, its `masks/`, `surgery/` or `routers/`; or the ensemble that its
 * `ensemble.json` describes. A plain Hugging Face folder gives a model with one
 * head.
 *
 * @throws {CheckpointError | ConfigError} If a file is missing, damaged or does
 * not fit the others.
 */
export async function loadMultiTaskModel(folder: string): Promise<MultiTask> {
  const ensemble = await readEnsembleDescription(folder);
  if (ensemble) return await loadEnsemble(folder, ensemble);
  const model = await loadConvNext(folder);
  const heads = new Map<string, Head>();
  const headsFolder = join(folder, "heads");
  for (const task of await subfolders(headsFolder)) {
    const path = join(headsFolder, task);
    heads.set(task, {
      config: await readConvNextConfig(path),
      stateDict: await openCheckpoint(path),
    });
  }
  return await MultiTaskModel.with(model, heads, await openPart(folder));
}

/** What a merged model is made of besides merged weights and heads. */
async function openPart(folder: string): Promise<ModelPart | undefined> {
  return await openTaskMasks(folder) ?? await openSurgery(folder) ??
    await openWeightEnsembling(folder);
}

async function loadEnsemble(
  folder: string,
  { members, ...rule }: EnsembleDescription,
): Promise<EnsembleModel> {
  const models = new Map<string, tf.LayersModel>();
  for (const name of members) {
    models.set(name, await loadConvNext(join(folder, "members", name)));
  }
  return new EnsembleModel(models, rule);
}

async function subfolders(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isDirectory) names.push(entry.name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

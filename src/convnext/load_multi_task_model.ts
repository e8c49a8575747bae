import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import { openCheckpoint } from "../checkpoint/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { EnsembleModel } from "./ensemble_model.ts";
import type { MultiTask } from "./multi_task.ts";
import { type Head, loadConvNext, MultiTaskModel } from "./multi_task_model.ts";
import { readConvNextConfig } from "./open_convnext.ts";
import { openTaskMasks } from "./task_masks.ts";

const ensembleSchema = z.object({
  combine: z.enum(["mean", "sum", "max"]),
  weights: z.array(z.number()).optional(),
  members: z.array(z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/)).min(1),
}).refine(
  ({ combine, weights, members }) =>
    combine !== "sum" || weights?.length === members.length,
  { path: ["weights"], message: "expected a number for each member" },
);

/**
 * Loads a folder that a merge wrote: with its `heads/<task>/` and, where the
 * method keeps them, its `masks/<task>.safetensors`; or the ensemble that its
 * `ensemble.json` describes. A plain Hugging Face folder gives a model with one
 * head.
 *
 * @throws {CheckpointError | ConfigError} If a file is missing, damaged or does
 * not fit the others.
 */
export async function loadMultiTaskModel(folder: string): Promise<MultiTask> {
  const ensemble = await readEnsemble(folder);
  if (ensemble) return ensemble;
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
  return new MultiTaskModel(model, heads, await openTaskMasks(folder));
}

/** The ensemble in a folder; undefined if there is no `ensemble.json`. */
async function readEnsemble(
  folder: string,
): Promise<EnsembleModel | undefined> {
  const path = join(folder, "ensemble.json");
  let json: unknown;
  try {
    json = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw new ConfigError(`${path}: not JSON: ${error.message}`);
  }
  const result = ensembleSchema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new ConfigError(
      `${path}: ${issue?.path.join(".")}: ${issue?.message}`,
    );
  }
  const { combine, weights, members } = result.data;
  const models = new Map<string, tf.LayersModel>();
  for (const name of members) {
    models.set(name, await loadConvNext(join(folder, "members", name)));
  }
  return new EnsembleModel(models, { combine, weights });
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

import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import { replaceFolder } from "../checkpoint/mod.ts";
import { EnsembleModel, type EnsembleRule } from "../convnext/mod.ts";
import { MethodError } from "../fusion_error.ts";
import type { BoundMethod } from "../merge/mod.ts";
import { type ModelCard, modelCard } from "../report/mod.ts";
import type { ConvNextForImageClassificationPool } from "./convnext_pool.ts";
import {
  cardOf,
  mergeInfo,
  type MergeToFolderOptions,
} from "./merge_models.ts";
import { replaceFile } from "../replace_file.ts";
import { writeModelFolder } from "./save_model.ts";

/**
 * Loads a pool's models as an ensemble.
 *
 * @param method One of `ensemble/…`.
 * @returns The ensemble; the models are its to release, also those that the
 * pool had loaded.
 * @throws {MethodError} If the method is no ensemble, or its weights do not fit
 * the models.
 */
export async function ensembleModels(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
): Promise<EnsembleModel> {
  const rule = ruleOf(pool, method);
  const members = new Map<string, tf.LayersModel>();
  for await (const [name, model] of pool.namedModels()) {
    members.set(name, model);
  }
  return new EnsembleModel(members, rule);
}

/**
 * Writes an ensemble as a folder that `loadMultiTaskModel` loads: every model as
 * a Hugging Face folder `members/<name>/`, `ensemble.json` (how their logits are
 * combined), `merge.json`, the image processor and a model card.
 *
 * @param path The folder; replaced if it holds a model.
 * @returns The model card that was written.
 * @throws As {@linkcode ensembleModels}; the folder is then as it was.
 */
export async function ensembleToFolder(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
  path: string,
  { dtype, card, onProgress, onWritten }: MergeToFolderOptions = {},
): Promise<ModelCard> {
  const rule = ruleOf(pool, method);
  await pool.checkSavePath(path);
  const fullCard = { ...await cardOf(pool, method), ...card };
  const processor = await pool.loadProcessorIfAny();
  const identity = await replaceFolder(path, async (folder) => {
    for (const [i, name] of pool.modelNames.entries()) {
      const { text, repositories } = await pool.publicName(name);
      const base = await pool.openStateDict(name);
      try {
        await writeModelFolder(join(folder, "members", name), {
          config: await pool.loadConfig(name),
          base,
          heads: new Map(),
          processor,
          card: { models: [text], repositories },
          dtype,
        });
      } finally {
        base.close();
      }
      onProgress?.(i + 1, pool.length);
    }
    await processor?.save(folder);
    // Nothing is merged, so there are no fusion targets.
    await writeJson(folder, "merge.json", await mergeInfo(pool, method, []));
    await Deno.writeTextFile(join(folder, "README.md"), modelCard(fullCard));
    // Last: without it, what a killed process leaves is no model to anybody.
    replaceFile(
      join(folder, "ensemble.json"),
      JSON.stringify({ ...rule, members: pool.modelNames }, null, 2) + "\n",
    );
  });
  onWritten?.(identity);
  return fullCard;
}

async function writeJson(
  folder: string,
  name: string,
  value: unknown,
): Promise<void> {
  await Deno.writeTextFile(
    join(folder, name),
    JSON.stringify(value, null, 2) + "\n",
  );
}

function ruleOf(
  pool: ConvNextForImageClassificationPool,
  { name, method, parameters }: BoundMethod,
): EnsembleRule {
  if (!method.ensemble) {
    throw new MethodError(
      `method ${name}: it merges weights, expected an ensemble`,
    );
  }
  if (pool.length === 0) {
    throw new MethodError(
      `method ${name}: the model pool has no models, expected at least one`,
    );
  }
  return method.ensemble(parameters, pool.modelNames);
}

import { basename } from "@std/path";
import {
  composeRunConfig,
  createMethod,
  createModelPool,
  createTaskPool,
  type RunConfig,
} from "../config/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import type { MultiTaskModel } from "../convnext/mod.ts";
import { loadMultiTaskModel } from "../convnext/mod.ts";
import type { BoundMethod, MergeOptions } from "../merge/mod.ts";
import {
  type ConvNextForImageClassificationPool,
  mergeModels,
  mergeToFolder,
  writeModelCard,
} from "../modelpool/mod.ts";
import { progressBar } from "../report/mod.ts";
import { stringify } from "@std/yaml";
import { evaluateWithProgress, tellReport } from "./evaluate_model.ts";
import { rejectPositional } from "./reject_positional.ts";
import { startBackend } from "./start_backend.ts";

/** `fusion method=METHOD modelpool=POOL [taskpool=TASKS] [key=value …]` */
export async function run(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  const { config, values, positional, where } = await composeRunConfig(words);
  rejectPositional(positional);
  if (config.print_config) console.error(stringify(values));
  const method = await createMethod(config.method, where, config.seed);
  const pool = await createModelPool(config.modelpool);
  // A wrong task pool must be told before an hour of merging, not after.
  const taskPool = await createTaskPool(
    config.taskpool,
    () => pool.loadProcessor(),
  );
  for (const task of taskPool?.tasks ?? []) {
    if (!pool.modelNames.includes(task)) {
      throw new ModelPoolError(
        `task ${task} of the task pool: the model pool has no model, and so no head, of that name, it has ${
          pool.modelNames.join(", ")
        }`,
      );
    }
    await taskPool!.loadTestDataset(task);
  }
  if (config.dry_run) return;

  await startBackend(config.backend);
  const path = config.merged_model_save_path;
  const model = path
    ? await mergeAndLoad(pool, method, path, config, taskPool !== undefined)
    : await mergeModels(pool, method, mergeOptions(config));
  if (path) console.error(`merged model: ${path}`);
  if (!taskPool || !model) return;
  const report = await evaluateWithProgress(taskPool, model, {
    name: basename(method.name),
    fastDevRun: config.fast_dev_run,
  });
  await tellReport(report, config.report_save_path, json);
  if (path) await writeModelCard(path, { report });
}

async function mergeAndLoad(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
  path: string,
  config: RunConfig,
  load: boolean,
): Promise<MultiTaskModel | undefined> {
  const bar = progressBar("Merging");
  try {
    await mergeToFolder(pool, method, path, {
      ...mergeOptions(config),
      dtype: config.dtype ?? undefined,
      card: { modelpool: config.modelpool },
      onProgress: (done, total) => bar.update(done, total),
    });
  } finally {
    bar.stop();
  }
  return load ? await loadMultiTaskModel(path) : undefined;
}

function mergeOptions(config: RunConfig): MergeOptions {
  return {
    allowNonfinite: config.allow_nonfinite,
    ...(config.chunk_size ? { chunkSize: config.chunk_size } : {}),
  };
}

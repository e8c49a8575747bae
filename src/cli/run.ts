import { basename } from "@std/path";
import { stringify } from "@std/yaml";
import { useBackend } from "../backend/mod.ts";
import { type FolderIdentity, inFolderItself } from "../checkpoint/mod.ts";
import {
  composeRunConfig,
  createMethod,
  createModelPool,
  createTaskPool,
  type RunConfig,
} from "../config/mod.ts";
import { loadMultiTaskModel, type MultiTask } from "../convnext/mod.ts";
import { ConfigError, ModelPoolError } from "../fusion_error.ts";
import { pushToHub } from "../hub/mod.ts";
import type { BoundMethod, MergeOptions } from "../merge/mod.ts";
import {
  type ConvNextForImageClassificationPool,
  type DataRecord,
  ensembleModels,
  ensembleToFolder,
  mergeModels,
  mergeToFolder,
  writeModelCard,
} from "../modelpool/mod.ts";
import {
  type EvaluationReport,
  type ModelCard,
  progressBar,
} from "../report/mod.ts";
import type {
  EvaluateOptions,
  ImageClassificationTaskPool,
} from "../taskpool/mod.ts";
import { warn } from "../warn.ts";
import {
  evaluateWithProgress,
  savedData,
  tellReport,
} from "./evaluate_model.ts";
import { rejectPositional } from "./reject_positional.ts";
import { tellBackend } from "./tell_backend.ts";
import { checkFilePlace } from "./write_file.ts";

/** `fusion method=METHOD modelpool=POOL [taskpool=TASKS] [key=value …]` */
export async function run(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  rejectPositional(words);
  const { config, values, where } = await composeRunConfig(words);
  if (config.print_config) console.error(stringify(values));
  const method = await createMethod(config.method, where, config.seed);
  const pool = await createModelPool(config.modelpool);
  // A wrong task pool must be told before an hour of merging, not after.
  const taskPool = await createTaskPool(
    config.taskpool,
    () => pool.loadProcessor(),
  );
  for (const task of taskPool?.tasks ?? []) {
    // An ensemble of models with the same classes treats every task alike.
    if (!method.method.ensemble && !pool.modelNames.includes(task)) {
      throw new ModelPoolError(
        `task ${task} of the task pool: the model pool has no model, and so no head, of that name, it has ${
          pool.modelNames.join(", ")
        }`,
      );
    }
    await taskPool!.loadTestDataset(task);
  }
  if (config.report_save_path) {
    if (!taskPool) {
      throw new ConfigError(
        `report_save_path=${config.report_save_path}: nothing is evaluated, expected taskpool=TASKS with it`,
      );
    }
    checkFilePlace(config.report_save_path);
  }
  if (config.push_to_hub && !config.merged_model_save_path) {
    throw new ConfigError(
      `push_to_hub=${config.push_to_hub}: nothing is saved, expected merged_model_save_path=DIR with it`,
    );
  }
  if (config.dry_run) return;

  // A large merge has threads of its own: the backend's are for whole models.
  const runsModels = taskPool !== undefined ||
    method.method.dataUse?.(method.parameters) !== undefined;
  const backend = await useBackend(
    config.backend,
    runsModels ? {} : { wasmThreads: 1 },
  );
  const path = config.merged_model_save_path;
  if (!path) {
    let data: DataRecord | undefined;
    const model = method.method.ensemble
      ? await ensembleModels(pool, method)
      : await mergeModels(pool, method, {
        ...mergeOptions(config),
        onData: (record) => data = record,
      });
    tellBackend(backend);
    if (taskPool) {
      await evaluateMerged(taskPool, model, method, config, {
        json,
        data: data && shortData(data),
      });
    } else {
      // As in FusionBench: whether a merge goes through may be all one wants.
      warn(
        "the merged model is neither saved nor evaluated: merged_model_save_path=DIR saves it, taskpool=TASKS evaluates it",
      );
    }
    return;
  }
  const { card, identity } = await mergeWithProgress(
    pool,
    method,
    path,
    config,
  );
  tellBackend(backend);
  console.error(`merged model: ${path}`);
  if (taskPool) {
    const model = await loadMultiTaskModel(path);
    if (!inFolderItself(path, identity, () => {})) throw replaced(path);
    const report = await evaluateMerged(taskPool, model, method, config, {
      json,
      data: await savedData(path),
    });
    if (!writeModelCard(path, { ...card, report }, identity)) {
      console.error(`${replaced(path).message}; its model card is left alone`);
    }
  }
  if (config.push_to_hub) {
    console.error(`pushed: ${await pushToHub(path, config.push_to_hub)}`);
  }
}

async function mergeWithProgress(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
  path: string,
  config: RunConfig,
): Promise<{ card: ModelCard; identity: FolderIdentity }> {
  const bar = progressBar("Merging");
  let identity: FolderIdentity | undefined;
  const write = method.method.ensemble ? ensembleToFolder : mergeToFolder;
  try {
    const card = await write(pool, method, path, {
      ...mergeOptions(config),
      dtype: config.dtype ?? undefined,
      card: { modelpool: config.modelpool },
      onProgress: (done, total) => bar.update(done, total),
      onWritten: (written) => identity = written,
    });
    return { card, identity: identity! };
  } finally {
    bar.stop();
  }
}

function replaced(path: string): ModelPoolError {
  return new ModelPoolError(
    `${path}: another process has put another model there meanwhile`,
  );
}

async function evaluateMerged(
  taskPool: ImageClassificationTaskPool,
  model: MultiTask,
  method: BoundMethod,
  config: RunConfig,
  { json, data }: { json: boolean; data: EvaluateOptions["data"] },
): Promise<EvaluationReport> {
  const report = await evaluateWithProgress(taskPool, model, {
    name: basename(method.name),
    data,
    fastDevRun: config.fast_dev_run,
  });
  tellReport(report, config.report_save_path, json);
  return report;
}

/** What a report repeats of a data record. */
function shortData({ use, warnings }: DataRecord): EvaluateOptions["data"] {
  return { use, ...(warnings && { warnings }) };
}

function mergeOptions(config: RunConfig): MergeOptions {
  return {
    allowNonfinite: config.allow_nonfinite,
    ...(config.chunk_size ? { chunkSize: config.chunk_size } : {}),
  };
}

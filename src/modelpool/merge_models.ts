import { dirname, join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import {
  type FolderIdentity,
  knownSha256,
  listCheckpointFiles,
  type SaveDType,
} from "../checkpoint/mod.ts";
import {
  convNextFromStateDict,
  fusionTargetsAmong,
  fusionTargetsOf,
  MultiTaskModel,
} from "../convnext/mod.ts";
import {
  baseOf,
  type BoundMethod,
  checkNumbers,
  closePool,
  describeDataUse,
  mergeInMemory,
  type MergeOptions,
  mergePool,
  onReadableBackend,
  targetTensors,
} from "../merge/mod.ts";
import type { ModelCard } from "../report/mod.ts";
import { VERSION } from "../version.ts";
import { describeAlignment } from "./align_model.ts";
import {
  closeHeads,
  type ConvNextForImageClassificationPool,
} from "./convnext_pool.ts";
import { type DataRecord, imagesOfPool } from "./images_of_pool.ts";
import { savePart, writeModelFolder } from "./save_model.ts";
import { taskMasksInMemory, writeTaskMasks } from "./save_task_masks.ts";

/**
 * Merges a pool's backbones in memory, in float32.
 *
 * @returns The merged backbone under the head of `_pretrained_` (or of the
 * first model), with every expert's head, and its mask where the method keeps
 * them.
 * @throws As `mergePool`.
 */
export async function mergeModels(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
  options: MergeModelsOptions = {},
): Promise<MultiTaskModel> {
  const data = await imagesOfPool(pool, method, tellers(options));
  const open = { ...await pool.openMergePool(), ...(data && { data }) };
  try {
    const base = baseOf(open);
    const merged = await mergeInMemory(open, method, {
      targets: fusionTargetsAmong(base.names),
      ...partOf(options, method, 0),
    });
    if (data) options.onData?.(data.record());
    const names = new Set(merged.names);
    const of = (name: string): typeof base => names.has(name) ? merged : base;
    const config = await pool.loadConfig(pool.pretrainedOrFirstName);
    const model = await convNextFromStateDict(config, {
      names: base.names,
      source: merged.source,
      info: (name) => of(name).info(name),
      read: (name, begin, end) => of(name).read(name, begin, end),
      close: () => {},
    });
    const part = method.method.taskMasks
      ? await taskMasksInMemory(
        open,
        await pool.openStateDict("_pretrained_"),
        method,
        partOf(options, method, 1),
      )
      : data?.part;
    return await MultiTaskModel.with(model, await pool.heads(), part);
  } finally {
    closePool(open);
  }
}

/** Options of {@linkcode mergeModels}. */
export interface MergeModelsOptions extends MergeOptions {
  /**
   * Told of what a method with data finds doubtful, such as predictions that
   * collapse. Default: standard error.
   */
  onWarning?: ((message: string) => void) | undefined;
  /** Told which images a method with data looked at, and what it found. */
  onData?: ((record: DataRecord) => void) | undefined;
}

/** Options of {@linkcode mergeToFolder}. */
export interface MergeToFolderOptions extends MergeModelsOptions {
  /** Element type that is written. Default: that of `_pretrained_` (or the first model). */
  dtype?: SaveDType | undefined;
  /** What the model card tells besides the models and the method. */
  card?: Partial<ModelCard>;
  /** What `merge.json` tells besides. */
  info?: Readonly<Record<string, unknown>> | undefined;
  /** Told, once the folder has its place, what tells it from another one. */
  onWritten?: ((identity: FolderIdentity) => void) | undefined;
}

/**
 * Merges a pool into a folder that transformers loads, streamed: at no time is
 * a whole model in memory.
 *
 * @param path The folder; replaced if it holds a model.
 * @returns The model card that was written.
 * @throws As `mergePool`; the folder is then as it was.
 */
export async function mergeToFolder(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
  path: string,
  { dtype, card, info: besides, onWritten, ...options }: MergeToFolderOptions =
    {},
): Promise<ModelCard> {
  await pool.checkSavePath(path);
  const data = await imagesOfPool(pool, method, tellers(options));
  const open = { ...await pool.openMergePool(), ...(data && { data }) };
  let heads: Awaited<ReturnType<typeof pool.heads>> = new Map();
  try {
    const targets = fusionTargetsAmong(baseOf(open).names);
    const shapes = targetTensors(open, targets);
    checkNumbers(method, pool.modelNames, [...shapes.keys()]);
    heads = await pool.heads();
    // Sources are hashed while they are merged.
    const info = mergeInfo(pool, method);
    info.catch(() => {}); // awaited, and so reported, after the merge
    const fullCard = { ...await cardOf(pool, method), ...card };
    const cardWithWarnings = () => ({
      ...fullCard,
      ...(data && { warnings: data.record().warnings }),
    });
    const identity = await writeModelFolder(path, {
      config: await pool.loadConfig(pool.pretrainedOrFirstName),
      base: baseOf(open),
      merge: {
        names: new Set(shapes.keys()),
        write: (sink) =>
          onReadableBackend(method, () =>
            mergePool(open, method, sink, {
              targets,
              ...partOf(options, method, 0),
            })),
      },
      heads,
      writePart: async (folder) => {
        if (method.method.taskMasks) {
          const second = partOf(options, method, 1);
          await writeTaskMasks(folder, open, method, second);
        } else if (data?.part) await savePart(folder, data.part);
      },
      processor: await pool.loadProcessorIfAny(),
      card: cardWithWarnings,
      mergeInfo: async () => ({
        ...await info,
        ...besides,
        ...(data && { data: data.record() }),
      }),
      dtype,
    });
    onWritten?.(identity);
    if (data) options.onData?.(data.record());
    return cardWithWarnings();
  } finally {
    closeHeads(heads);
    closePool(open);
  }
}

/** Whom a method with data tells of its run. */
function tellers({ onWarning, onProgress }: MergeModelsOptions): {
  onWarning?: (message: string) => void;
  onProgress?: (done: number, total: number) => void;
} {
  return {
    ...(onWarning && { onWarning }),
    ...(onProgress && { onProgress }),
  };
}

/**
 * Options of the first pass (0), the merge, or of the second (1), the masks, of
 * a method that needs both: each is half of the progress.
 */
function partOf(
  { onProgress, ...options }: MergeOptions,
  { method }: BoundMethod,
  pass: 0 | 1,
): MergeOptions {
  if (!onProgress) return options;
  return {
    ...options,
    onProgress: method.taskMasks
      ? (done, total) => onProgress(done + pass * total, 2 * total)
      : onProgress,
  };
}

/** What the model card tells of models and method. */
export async function cardOf(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
): Promise<ModelCard> {
  const use = method.method.dataUse?.(method.parameters);
  const base = pool.hasPretrained
    ? await pool.publicName("_pretrained_")
    : undefined;
  const experts = await Promise.all(
    pool.modelNames.map((name) => pool.publicName(name)),
  );
  return {
    ...(base && { baseModel: base.text }),
    models: experts.map(({ text }) => text),
    repositories: [...base ? [base] : [], ...experts]
      .flatMap(({ repositories }) => repositories),
    algorithm: {
      method: method.name,
      ...method.parameters,
      ...(use && { data: describeDataUse(use) }),
    },
  };
}

/** Content of `merge.json`: what is needed to repeat and to check a merge. */
export async function mergeInfo(
  pool: ConvNextForImageClassificationPool,
  method: BoundMethod,
  targets?: readonly string[],
): Promise<Record<string, unknown>> {
  const models: Record<string, unknown> = {};
  for (const name of pool.allModelNames) {
    const path = await pool.modelPath(name);
    if (path === undefined) {
      models[name] = { path: null };
      continue;
    }
    const sha256: Record<string, string> = {};
    const checkpointFolder = (await Deno.stat(path)).isDirectory
      ? path
      : dirname(path);
    for (const file of await listCheckpointFiles(path)) {
      sha256[file] = await knownSha256(join(checkpointFolder, file));
    }
    models[name] = { path, sha256 };
  }
  return {
    method: method.name,
    parameters: method.parameters,
    fusion_targets: targets ?? fusionTargetsOf(
      await pool.loadConfig(pool.pretrainedOrFirstName),
    ),
    ...(method.method.taskMasks && {
      task_masks:
        "a task's backbone is pretrained + scale * mask * (merged - pretrained), mask and scale from masks/<task>.safetensors, pretrained from masks/_pretrained_.safetensors",
    }),
    models,
    ...(pool.alignment && {
      alignment: {
        ...pool.alignment,
        use: describeAlignment(pool.alignment, pool.pretrainedOrFirstName),
      },
    }),
    versions: {
      "@convnext/fusion": VERSION,
      "@tensorflow/tfjs": tf.version.tfjs,
      backend: tf.getBackend(),
      deno: Deno.version.deno,
    },
  };
}

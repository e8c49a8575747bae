import { join } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import {
  elementCount,
  type FolderIdentity,
  inFolderItself,
  replaceFolder,
  SafetensorsWriter,
  SAVE_DTYPES,
  type SaveDType,
  saveDTypeOf,
  selectedTensors,
  type StateDict,
} from "../checkpoint/mod.ts";
import {
  architectureOf,
  type AutoImageProcessor,
  configOf,
  type ConvNextConfig,
  type Head,
  headOf,
  type ModelPart,
  MultiTaskModel,
  stateDictOf,
} from "../convnext/mod.ts";
import type { MergeSink } from "../merge/mod.ts";
import { type ModelCard, modelCard } from "../report/mod.ts";
import { replaceFile } from "../replace_file.ts";

/** Elements written at a time. */
const WRITE_CHUNK = 1 << 20;

/** What a saved model consists of. */
export interface ModelContent {
  /** Config of the model whose head and non-target tensors are kept. */
  config: ConvNextConfig;
  /** That model's tensors. */
  base: StateDict;
  /** Writes merged tensors; those it does not write come from `base`. */
  merge?: {
    /** Names of the tensors that it writes. */
    names: ReadonlySet<string>;
    /** Writes them. */
    write(sink: MergeSink): Promise<void>;
  };
  /** Heads by task, saved under `heads/`. */
  heads: ReadonlyMap<string, Head>;
  /** Writes what a method keeps besides into the folder, such as `masks/`. */
  writePart?: ((folder: string) => Promise<void>) | undefined;
  /** The image processor, if there is one. */
  processor?: AutoImageProcessor | undefined;
  /** What the model card tells; asked for when all else is written. */
  card: ModelCard | (() => ModelCard);
  /** Content of `merge.json`, for merged models. */
  mergeInfo?: () => Promise<unknown>;
  /** Element type. Default: the base's. */
  dtype?: SaveDType | undefined;
}

/**
 * Writes a model as a folder that transformers loads: `config.json`,
 * `model.safetensors`, `preprocessor_config.json`, `heads/<task>/`,
 * `masks/`, `merge.json` and `README.md`. It is written beside its place and renamed: a
 * reader never sees half of it.
 *
 * @returns What tells the folder from one that another process puts there.
 */
export async function writeModelFolder(
  path: string,
  content: ModelContent,
): Promise<FolderIdentity> {
  const dtype = content.dtype ?? saveDTypeOf(content.base);
  return await replaceFolder(path, async (folder) => {
    await writeTensors(folder, content, dtype);
    for (const [task, head] of content.heads) {
      const headFolder = join(folder, "heads", task);
      await Deno.mkdir(headFolder, { recursive: true });
      writeConfig(headFolder, head.config, dtype);
      await writeTensors(headFolder, { base: classifierOf(head) }, dtype);
    }
    await content.writePart?.(folder);
    await content.processor?.save(folder);
    if (content.mergeInfo) {
      await writeJson(join(folder, "merge.json"), await content.mergeInfo());
    }
    await Deno.writeTextFile(
      join(folder, "README.md"),
      modelCard(
        typeof content.card === "function" ? content.card() : content.card,
      ),
    );
    // Last: without it, what a killed process leaves is no model to anybody.
    writeConfig(folder, content.config, dtype);
  });
}

function writeConfig(
  folder: string,
  config: ConvNextConfig,
  dtype: SaveDType,
): void {
  const { torch_dtype: _, ...rest } = config;
  const json = JSON.stringify(
    {
      ...rest,
      architectures: [architectureOf(config).className],
      dtype,
    },
    null,
    2,
  );
  // transformers refuses a whole number where its config has a float.
  replaceFile(
    join(folder, "config.json"),
    json.replace(WHOLE_FLOAT, "$1.0") + "\n",
  );
}

/** A field of the config that is a float in Python, with a whole number. */
const WHOLE_FLOAT =
  /^( {2}"(?:drop_path_rate|initializer_range|layer_norm_eps|layer_scale_init_value)": -?\d+)(?=,?$)/gm;

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}

async function writeTensors(
  folder: string,
  { base, merge }: Pick<ModelContent, "base" | "merge">,
  dtype: SaveDType,
): Promise<void> {
  const writer = await SafetensorsWriter.create(
    join(folder, "model.safetensors"),
    base.names.map((name) => ({
      name,
      dtype: SAVE_DTYPES[dtype],
      shape: base.info(name).shape,
    })),
  );
  try {
    for (const name of base.names) {
      if (merge?.names.has(name)) continue;
      const size = elementCount(base.info(name).shape);
      for (let begin = 0; begin < size; begin += WRITE_CHUNK) {
        const end = Math.min(size, begin + WRITE_CHUNK);
        await writer.write(name, begin, await base.read(name, begin, end));
      }
    }
    await merge?.write(writer);
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Only the head's tensors of a state dict. */
function classifierOf({ stateDict }: Head): StateDict {
  return selectedTensors(
    stateDict,
    stateDict.names.filter((name) => name.startsWith("classifier.")),
  );
}

/**
 * Writes the model card of a saved model again, with more to tell.
 *
 * @param identity The folder's, as it was saved.
 * @returns False, and nothing is written, if another one is in its place.
 */
export function writeModelCard(
  folder: string,
  card: ModelCard,
  identity: FolderIdentity,
): boolean {
  return inFolderItself(
    folder,
    identity,
    () => {
      const place = Deno.realPathSync(folder);
      replaceFile(join(place, "README.md"), modelCard(card), place);
    },
  );
}

/** Writes a part into its folder of a model's folder. */
export async function savePart(
  folder: string,
  part: ModelPart,
): Promise<void> {
  const path = join(folder, part.folder);
  await Deno.mkdir(path, { recursive: true });
  await part.save(path);
}

/** Options of {@linkcode saveModel}. */
export interface SaveModelOptions {
  /** Element type of the weights. Default: float32, as loaded models have. */
  dtype?: SaveDType;
  /** The image processor to save with it. */
  processor?: AutoImageProcessor;
  /** What the model card tells. */
  card?: ModelCard;
}

/**
 * Saves a loaded model, with its heads, as a folder that transformers loads.
 *
 * @param model A model, or one backbone with several heads.
 * @param path The folder; replaced if it holds a model.
 */
export async function saveModel(
  model: MultiTaskModel | tf.LayersModel,
  path: string,
  options: SaveModelOptions = {},
): Promise<void> {
  const multiTask = model instanceof MultiTaskModel
    ? model
    : new MultiTaskModel(model);
  const { part } = multiTask;
  const heads = new Map<string, Head>();
  for (const [task, head] of multiTask.heads) {
    // With a part, a task's model may bring a backbone of its own.
    heads.set(task, part ? head : headOf(await multiTask.forTask(task)));
  }
  await writeModelFolder(path, {
    config: configOf(multiTask.model),
    base: stateDictOf(multiTask.model),
    heads,
    writePart: part && ((folder) => savePart(folder, part)),
    processor: options.processor,
    card: options.card ?? { models: [] },
    dtype: options.dtype,
  });
}

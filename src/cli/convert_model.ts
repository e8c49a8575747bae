import { join } from "@std/path";
import { saveDTypeOf, type StateDict } from "../checkpoint/mod.ts";
import {
  architectureOf,
  AutoImageProcessor,
  checkShapes,
  type ConvNextConfig,
  convNextFromStateDict,
  huggingFaceToTimm,
  imageProcessorFromTimm,
  isTimmConfig,
  numLabels,
  openConvNext,
  parseConvNextConfig,
  parseTimmConfig,
  sameLabels,
  saveLayersModel,
  type TimmConfig,
  timmConfigOf,
  timmFromImageProcessor,
  usedTensors,
  usesConvolutions,
} from "../convnext/mod.ts";
import { FusionError } from "../fusion_error.ts";
import { replaceFile } from "../replace_file.ts";
import { copyIfThere, readTextIfThere } from "./optional_file.ts";
import { writeTensors, type WriteTensorsOptions } from "./write_tensors.ts";

/** Formats of a model's folder. */
export const MODEL_FORMATS = ["huggingface", "timm", "tensorflowjs"] as const;

/** A format of a model's folder. */
export type ModelFormat = typeof MODEL_FORMATS[number];

/**
 * Where a folder of another format keeps a format's own config, so that it
 * comes back as it was.
 */
const KEPT_CONFIG = {
  huggingface: "huggingface_config.json",
  timm: "timm_config.json",
} as const;

/** What stands beside a model in any format. */
const COMPANIONS = [
  "preprocessor_config.json",
  "README.md",
  "merge.json",
  "heads",
  "masks",
  "surgery",
  "routers",
];

/** A model to convert, open. */
export interface ConversionSource {
  /** Its folder, or timm's checkpoint alone. */
  readonly path: string;
  /** Its format. */
  readonly format: ModelFormat;
  /** Its config, as Hugging Face's. */
  readonly config: ConvNextConfig;
  /** Its tensors, in Hugging Face's names. */
  readonly stateDict: StateDict;
  /** timm's config, if it is timm's. */
  readonly timm?: TimmConfig;
}

/** Opens a model of any format. */
export async function openConversionSource(
  path: string,
): Promise<ConversionSource> {
  const open = await openConvNext(path);
  try {
    const stateDict = usedTensors(open.stateDict, open.config);
    return { path, ...open, stateDict };
  } catch (error) {
    open.stateDict.close();
    throw error;
  }
}

/**
 * Writes a model into an empty folder, the file by which it loads last: without
 * it, what a killed process leaves is no model to anybody.
 *
 * @param options Element type and kind of file; a LayersModel has its own kind.
 */
export async function writeConversion(
  source: ConversionSource,
  format: ModelFormat,
  folder: string,
  options: WriteTensorsOptions = {},
): Promise<void> {
  for (const name of COMPANIONS) await copyIfThere(source.path, folder, name);
  await keepConfigs(source, format, folder);
  if (format === "huggingface") await writeHuggingFace(source, folder, options);
  else if (format === "timm") await writeTimm(source, folder, options);
  else await writeLayersModel(source, folder, options);
}

async function writeHuggingFace(
  { path, config, stateDict, timm }: ConversionSource,
  folder: string,
  options: WriteTensorsOptions = {},
): Promise<void> {
  const name = options.dtype ?? saveDTypeOf(stateDict);
  const text = await keptText(path, "huggingface", (json, file) => {
    const kept = parseConvNextConfig(json, file);
    if (isTimmConfig(json)) return false;
    checkShapes(stateDict, kept);
    const type = kept["dtype"] ?? kept["torch_dtype"] ?? name;
    return sameLabels(kept, config) && type === name;
  });
  const { torch_dtype: _, ...rest } = config;
  const processor = timm && imageProcessorFromTimm(timm);
  if (processor) {
    const file = join(folder, "preprocessor_config.json");
    if (await readTextIfThere(file) === undefined) {
      await Deno.writeTextFile(file, json(processor));
    }
  }
  await writeTensors(folder, stateDict, options);
  replaceFile(
    join(folder, "config.json"),
    text ?? json(Object.fromEntries(
      Object.entries({
        ...rest,
        architectures: [architectureOf(config).className],
        dtype: name,
      }).sort(([a], [b]) => a < b ? -1 : 1), // as transformers has it
    )),
  );
}

async function writeTimm(
  { path, config, stateDict, timm: own }: ConversionSource,
  folder: string,
  options: WriteTensorsOptions = {},
): Promise<void> {
  let timm = own;
  const text = await keptText(path, "timm", (json, file) => {
    const kept = parseTimmConfig(json, file);
    if (kept["num_classes"] !== numLabels(config)) return false;
    timm = kept;
    return true;
  });
  timm ??= timmConfigOf(config, false, path);
  const processor =
    await readTextIfThere(join(path, "preprocessor_config.json")) === undefined
      ? undefined
      : await AutoImageProcessor.fromPretrained(path);
  const images = processor ? timmFromImageProcessor(processor.toConfig()) : {};
  const view = huggingFaceToTimm(
    stateDict,
    architectureOf(config),
    usesConvolutions(timm),
  );
  await writeTensors(folder, view, options);
  replaceFile(
    join(folder, "config.json"),
    text ?? json({
      ...timm,
      pretrained_cfg: { ...timm.pretrained_cfg, ...images },
    }),
  );
}

async function writeLayersModel(
  { config, stateDict }: ConversionSource,
  folder: string,
  options: WriteTensorsOptions = {},
): Promise<void> {
  const { torch_dtype: _, ...rest } = config;
  const model = await convNextFromStateDict(
    parseConvNextConfig(
      { ...rest, dtype: options.dtype ?? saveDTypeOf(stateDict) },
      stateDict.source,
    ),
    stateDict,
  );
  try {
    await saveLayersModel(model, folder);
  } finally {
    model.dispose();
  }
}

/** Copies configs of other formats than the target's, to come back one day. */
async function keepConfigs(
  { path, format, timm }: ConversionSource,
  target: ModelFormat,
  folder: string,
): Promise<void> {
  for (const [kind, name] of Object.entries(KEPT_CONFIG)) {
    if (kind === target) continue;
    const own = kind === format
      ? await readTextIfThere(join(path, "config.json")) ??
        (timm && json(timm))
      : await readTextIfThere(join(path, name));
    if (own !== undefined) await Deno.writeTextFile(join(folder, name), own);
  }
}

/** The config that the source has of the target's format, if it still fits. */
async function keptText(
  path: string,
  format: keyof typeof KEPT_CONFIG,
  fits: (json: Record<string, unknown>, file: string) => boolean,
): Promise<string | undefined> {
  for (const name of [KEPT_CONFIG[format], "config.json"]) {
    const file = join(path, name);
    try {
      const text = await readTextIfThere(file);
      if (text !== undefined && fits(JSON.parse(text), file)) return text;
    } catch (error) {
      // It is another model's, or was edited: a new one is written.
      if (!(error instanceof FusionError || error instanceof SyntaxError)) {
        throw error;
      }
    }
  }
  return undefined;
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}

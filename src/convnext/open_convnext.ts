import { join } from "@std/path";
import {
  hasCheckpoint,
  isSaveDType,
  openCheckpoint,
  SAVE_DTYPES,
  type StateDict,
  TensorflowjsFile,
} from "../checkpoint/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { readJson } from "../read_json.ts";
import { architectureOf } from "./architecture.ts";
import { type ConvNextConfig, parseConvNextConfig } from "./config.ts";
import { parseMetadata } from "./metadata.ts";
import { tensorflowjsToHuggingFace } from "./tensorflow_layout.ts";
import {
  configFromTimm,
  isTimmConfig,
  parseTimmConfig,
  type TimmConfig,
  timmConfigOf,
} from "./timm_config.ts";
import {
  hasConvolutions,
  isTimmStateDict,
  timmToHuggingFace,
} from "./timm_state_dict.ts";

/** A ConvNeXt's files, open. */
export interface OpenConvNext {
  /** Its config, as Hugging Face's. */
  readonly config: ConvNextConfig;
  /** Its tensors, in Hugging Face's names and shapes, read on demand. */
  readonly stateDict: StateDict;
  /** Whose names the files have. */
  readonly format: "huggingface" | "timm" | "tensorflowjs";
  /** timm's config, for its models; told by the tensors if it has no file. */
  readonly timm?: TimmConfig;
}

/**
 * Opens a ConvNeXt that Hugging Face's transformers, timm or TensorFlow.js
 * saved.
 *
 * @param path A folder with `config.json` and a checkpoint; of timm also a
 * folder without `config.json`, or the checkpoint alone; of TensorFlow.js a
 * LayersModel's folder, whose metadata holds the config if no `config.json` does.
 * @throws {CheckpointError | ConfigError} If a file is missing, damaged, or not
 * a ConvNeXt's.
 */
export async function openConvNext(path: string): Promise<OpenConvNext> {
  const json = await readConfigJson(path);
  const own = huggingFaceConfig(json, path);
  const timm: TimmConfig | undefined = json === undefined || own
    ? undefined
    : parseTimmConfig(json, configPath(path));
  const stateDict = await openCheckpoint(path);
  try {
    if (stateDict instanceof TensorflowjsFile) {
      return { ...openLayersModel(stateDict, own), format: "tensorflowjs" };
    }
    if (own) return { config: own, stateDict, format: "huggingface" };
    if (!isTimmStateDict(stateDict)) {
      throw new ConfigError(
        json === undefined
          ? `${
            configPath(path)
          }: not found, expected a Hugging Face ConvNeXt folder, or tensors named as timm's`
          : `${stateDict.source}: no tensor stem.0.weight, expected the names of timm, whose config.json it has`,
      );
    }
    const config = configFromTimm(stateDict, timm);
    return {
      config,
      stateDict: timmToHuggingFace(stateDict),
      format: "timm",
      timm: timm ?? timmConfigOf(config, hasConvolutions(stateDict)),
    };
  } catch (error) {
    stateDict.close();
    throw error;
  }
}

/**
 * The config and the tensors of a LayersModel, as Hugging Face's.
 *
 * @param config If it is known from elsewhere than the model's metadata.
 * @throws {CheckpointError | ConfigError | ModelPoolError} If the model is not
 * a ConvNeXt of this project.
 */
export function openLayersModel(
  file: TensorflowjsFile,
  config: ConvNextConfig =
    parseMetadata(file.userDefinedMetadata, file.source).config,
): Pick<OpenConvNext, "config" | "stateDict"> {
  const view = tensorflowjsToHuggingFace(file, architectureOf(config));
  const name = config["dtype"] ?? config["torch_dtype"];
  if (!isSaveDType(name)) return { config, stateDict: view };
  // TensorFlow.js has float32 only; the config remembers what was stored.
  const dtype = SAVE_DTYPES[name];
  return {
    config,
    stateDict: {
      ...view,
      info: (name) => ({ dtype, shape: view.info(name).shape }),
    },
  };
}

/**
 * Opens the tensors of a ConvNeXt, in Hugging Face's names and shapes: those of
 * a Hugging Face folder, of timm's files, or of a LayersModel. Needs no
 * `config.json`.
 *
 * @throws {CheckpointError} As `openCheckpoint`.
 */
export async function openConvNextStateDict(path: string): Promise<StateDict> {
  const stateDict = await openCheckpoint(path);
  try {
    if (stateDict instanceof TensorflowjsFile) {
      const json = await readConfigJson(path);
      return openLayersModel(stateDict, huggingFaceConfig(json, path))
        .stateDict;
    }
    return isTimmStateDict(stateDict)
      ? timmToHuggingFace(stateDict)
      : stateDict;
  } catch (error) {
    stateDict.close();
    throw error;
  }
}

/**
 * Reads `config.json` of a ConvNeXt's folder; timm's is turned into Hugging
 * Face's, with the sizes that the tensors have.
 *
 * @throws {CheckpointError | ConfigError} If it is not there, not JSON, or not a
 * ConvNeXt's.
 */
export async function readConvNextConfig(
  folder: string,
): Promise<ConvNextConfig> {
  const json = await readConfigJson(folder);
  const own = huggingFaceConfig(json, folder);
  if (own) return own;
  if (json === undefined && !await hasCheckpoint(folder)) {
    throw new ConfigError(
      `${
        configPath(folder)
      }: not found, expected a Hugging Face ConvNeXt folder`,
    );
  }
  const { config, stateDict } = await openConvNext(folder);
  stateDict.close();
  return config;
}

/** What `config.json` holds, if it is Hugging Face's. */
function huggingFaceConfig(
  json: unknown,
  folder: string,
): ConvNextConfig | undefined {
  return json === undefined || isTimmConfig(json)
    ? undefined
    : parseConvNextConfig(json, configPath(folder));
}

function configPath(folder: string): string {
  return join(folder, "config.json");
}

/** What `config.json` holds; undefined if there is none. */
async function readConfigJson(folder: string): Promise<unknown> {
  return (await readJson(configPath(folder), ConfigError))?.json;
}

import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../checkpoint/mod.ts";
import {
  configOf,
  type ConvNextConfig,
  openConvNextStateDict,
  readConvNextConfig,
  stateDictOf,
  usedTensors,
} from "../convnext/mod.ts";
import { resolveModelPath } from "../hub/mod.ts";
import { loadTransformersConvNext } from "./load_transformers_convnext.ts";

/** A model described as in FusionBench's YAML. */
export interface ConvNextEntryConfig {
  /** A folder, or a repository id. */
  config_path: string;
  /** Loads weights. @default {true} */
  pretrained?: boolean | undefined;
  /** A data set whose classes the head gets. */
  dataset_name?: string | null | undefined;
}

/** A folder or repository id, a description, or a loaded model. */
export type ConvNextEntry = string | ConvNextEntryConfig | tf.LayersModel;

/** An entry's path or repository id; undefined for a loaded model. */
export function entryPath(entry: ConvNextEntry): string | undefined {
  return entry instanceof tf.LayersModel
    ? undefined
    : describe(entry).config_path;
}

/** An entry's folder on this machine; undefined for a loaded model. */
export async function entryFolder(
  entry: ConvNextEntry,
): Promise<string | undefined> {
  const path = entryPath(entry);
  return path === undefined ? undefined : await resolveModelPath(path);
}

/** Loads an entry's model; a loaded one is given as it is. */
export async function loadEntry(
  entry: ConvNextEntry,
): Promise<tf.LayersModel> {
  if (entry instanceof tf.LayersModel) return entry;
  const { config_path, pretrained = true, dataset_name } = describe(entry);
  return await loadTransformersConvNext(config_path, {
    pretrained,
    datasetName: dataset_name,
  });
}

/** An entry's config; its labels are those of `dataset_name`, if given. */
export async function loadEntryConfig(
  entry: ConvNextEntry,
): Promise<ConvNextConfig> {
  if (entry instanceof tf.LayersModel) return configOf(entry);
  const { config_path, dataset_name } = describe(entry);
  if (!dataset_name) {
    return await readConvNextConfig(await resolveModelPath(config_path));
  }
  const model = await loadEntry(entry);
  const config = configOf(model);
  model.dispose();
  return config;
}

/**
 * Opens an entry's state dict: its file, checked against its config, or a view
 * of a model.
 *
 * @throws {CheckpointError | ConfigError} If files are missing, damaged or do
 * not fit each other.
 */
export async function openEntry(entry: ConvNextEntry): Promise<StateDict> {
  if (entry instanceof tf.LayersModel) return stateDictOf(entry);
  if (isMade(entry)) {
    const model = await loadEntry(entry);
    return { ...stateDictOf(model), close: () => model.dispose() };
  }
  const folder = await resolveModelPath(describe(entry).config_path);
  const config = await readConvNextConfig(folder);
  const stateDict = await openConvNextStateDict(folder);
  try {
    return usedTensors(stateDict, config);
  } catch (error) {
    stateDict.close();
    throw error;
  }
}

/**
 * The config of an entry's folder, which its tensors are checked against: its
 * head among them, which merging does not see. Nothing is loaded.
 *
 * @throws As {@linkcode openEntry}.
 */
export async function checkedEntryConfig(
  entry: ConvNextEntry,
): Promise<ConvNextConfig> {
  if (entry instanceof tf.LayersModel) return configOf(entry);
  if (!isMade(entry)) (await openEntry(entry)).close();
  return await readConvNextConfig(
    await resolveModelPath(describe(entry).config_path),
  );
}

/** Whether weights, or a head, are made as the config says, not read. */
function isMade(entry: string | ConvNextEntryConfig): boolean {
  const { pretrained = true, dataset_name } = describe(entry);
  return !pretrained || Boolean(dataset_name);
}

function describe(entry: string | ConvNextEntryConfig): ConvNextEntryConfig {
  return typeof entry === "string" ? { config_path: entry } : entry;
}

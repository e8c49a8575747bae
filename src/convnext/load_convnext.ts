import type * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../checkpoint/mod.ts";
import type { ConvNextConfig } from "./config.ts";
import { createConvNext } from "./model.ts";
import { openConvNext } from "./open_convnext.ts";
import { usedTensors } from "./used_tensors.ts";
import { loadStateDict } from "./weights.ts";

/**
 * Loads a ConvNeXt that Hugging Face's transformers, timm or TensorFlow.js
 * saved.
 *
 * @param folder Holds `config.json` and `model.safetensors` or
 * `pytorch_model.bin` (or their shards); timm's needs no `config.json`. Or
 * holds a LayersModel: `model.json` and its weights.
 * @throws {CheckpointError | ConfigError} If a file is missing, damaged or does
 * not fit the config.
 */
export async function loadConvNext(folder: string): Promise<tf.LayersModel> {
  const { config, stateDict } = await openConvNext(folder);
  try {
    return await convNextFromStateDict(config, stateDict);
  } finally {
    stateDict.close();
  }
}

/** Builds a ConvNeXt and fills it from a state dict. */
export async function convNextFromStateDict(
  config: ConvNextConfig,
  stateDict: StateDict,
): Promise<tf.LayersModel> {
  // Before memory is taken for what the config says.
  const used = usedTensors(stateDict, config);
  const model = createConvNext(config, { initialize: false });
  try {
    await loadStateDict(model, used);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

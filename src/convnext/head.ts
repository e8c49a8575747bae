import type * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../checkpoint/mod.ts";
import type { ConvNextConfig } from "./config.ts";
import { configOf } from "./metadata.ts";
import { attachHead, backboneOf } from "./model.ts";
import { loadStateDict, stateDictOf } from "./weights.ts";

/** A task's classification head: its classes, and where its weights are. */
export interface Head {
  /** The config whose `id2label` names the classes. */
  readonly config: ConvNextConfig;
  /** Holds `classifier.weight` [labels, channels] and `classifier.bias`. */
  readonly stateDict: StateDict;
}

/**
 * The model's backbone under a head with weights of its own.
 *
 * @param before What the pooled features go through before the head.
 */
export async function withHead(
  model: tf.LayersModel,
  { config, stateDict }: Head,
  before?: tf.layers.Layer,
): Promise<tf.LayersModel> {
  const switched = attachHead(
    backboneOf(model),
    withLabels(configOf(model), config),
    { initialize: false, ...(before && { before }) },
  );
  await loadStateDict(switched, stateDict, "classifier.");
  return switched;
}

/** A model's config with the classes of another. */
export function withLabels(
  config: ConvNextConfig,
  { id2label, label2id }: ConvNextConfig,
): ConvNextConfig {
  return { ...config, id2label, label2id };
}

/** The head of a loaded model. */
export function headOf(model: tf.LayersModel): Head {
  return { config: configOf(model), stateDict: stateDictOf(model) };
}

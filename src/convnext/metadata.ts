import type * as tf from "@tensorflow/tfjs";
import { ModelPoolError } from "../fusion_error.ts";
import { type ConvNextConfig, parseConvNextConfig } from "./config.ts";

/** What a classifier's user-defined metadata holds; it survives `model.save`. */
export interface ModelMetadata {
  /** Names of the layers that merging may change. */
  fusion_targets: readonly string[];
  /** The Hugging Face config that the model was built from. */
  config: ConvNextConfig;
}

/** Writes the metadata of a classifier. */
export function setMetadata(
  model: tf.LayersModel,
  metadata: ModelMetadata,
): void {
  model.setUserDefinedMetadata(structuredClone(metadata));
}

/**
 * Reads the metadata of a classifier.
 * @throws {ModelPoolError} If the model carries none: it was not made here.
 */
export function metadataOf(model: tf.LayersModel): ModelMetadata {
  const metadata = model.getUserDefinedMetadata() as
    | Partial<ModelMetadata>
    | undefined;
  if (!Array.isArray(metadata?.fusion_targets) || !metadata.config) {
    throw new ModelPoolError(
      `model ${model.name}: no fusion targets in its user-defined metadata, expected a ConvNeXt made by createConvNext, loadTransformersConvNext or a pool`,
    );
  }
  return {
    fusion_targets: metadata.fusion_targets,
    config: parseConvNextConfig(metadata.config, `model ${model.name}`),
  };
}

/** Names of the layers that merging may change: `["convnext"]`, or `["convnextv2"]`. */
export function fusionTargets(model: tf.LayersModel): readonly string[] {
  return metadataOf(model).fusion_targets;
}

/** The Hugging Face config that a classifier was built from. */
export function configOf(model: tf.LayersModel): ConvNextConfig {
  return metadataOf(model).config;
}

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
  return parseMetadata(
    model.getUserDefinedMetadata(),
    `model ${model.name}`,
  );
}

/**
 * Checks what a saved classifier says of itself.
 *
 * @param source The model's name or file, for error messages.
 * @throws {ModelPoolError} If it says nothing: it was not made here.
 */
export function parseMetadata(json: unknown, source: string): ModelMetadata {
  const metadata = json as Partial<ModelMetadata> | null | undefined;
  const targets = metadata?.fusion_targets;
  if (
    !metadata?.config || !Array.isArray(targets) ||
    targets.some((name) => typeof name !== "string")
  ) {
    throw new ModelPoolError(
      `${source}: no fusion targets in its user-defined metadata, expected a ConvNeXt made by createConvNext, loadTransformersConvNext or a pool`,
    );
  }
  return {
    fusion_targets: targets,
    config: parseConvNextConfig(metadata.config, source),
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

import type * as tf from "@tensorflow/tfjs";
import {
  attachHead,
  backboneOf,
  configOf,
  createConvNext,
  labelMaps,
  labelsOf,
  loadConvNext,
  readConvNextConfig,
} from "../convnext/mod.ts";
import { getClassnames } from "../dataset/mod.ts";
import { resolveModelPath } from "../hub/mod.ts";

/** Options of {@linkcode loadTransformersConvNext}. */
export interface LoadTransformersConvNextOptions {
  /** Loads weights; otherwise they are freshly initialised. @default {true} */
  pretrained?: boolean;
  /** A data set whose classes the head gets, such as `cifar10`. */
  datasetName?: string | null | undefined;
}

/**
 * Creates a ConvNeXt image classifier from a Hugging Face folder or repository,
 * as FusionBench's `load_transformers_convnext`.
 *
 * With a `datasetName`, `id2label` and `label2id` become that data set's class
 * names, and the classifier gets their number: a new one, unless the model's
 * labels are these already, in which case its head is kept.
 *
 * @param configPath A folder, or a repository id in the local Hugging Face cache.
 * @throws {ConfigError | CheckpointError} If the path, its files or the data
 * set's name are wrong.
 */
export async function loadTransformersConvNext(
  configPath: string,
  options: LoadTransformersConvNextOptions = {},
): Promise<tf.LayersModel> {
  const { pretrained = true, datasetName } = options;
  const classnames = datasetName ? await getClassnames(datasetName) : undefined;
  const folder = await resolveModelPath(configPath);
  const model = pretrained
    ? await loadConvNext(folder)
    : createConvNext(await readConvNextConfig(folder));
  if (!classnames || equal(labelsOf(configOf(model)), classnames)) {
    return model;
  }
  const resized = attachHead(backboneOf(model), {
    ...configOf(model),
    ...labelMaps(classnames),
  });
  model.dispose(); // all but the backbone, which has a new head
  return resized;
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, id) => label === b[id]);
}

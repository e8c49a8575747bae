import * as z from "zod";
import {
  composeConfig,
  createModelPool,
  type DatasetsConfig,
} from "../config/mod.ts";
import {
  getClassnames,
  type ImageClassificationDataset,
  openDataset,
} from "../dataset/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import type { FinetuneConfig } from "./finetune_config.ts";

/** What a fine-tuning sees. */
export interface FinetuneData {
  /** Images to train on. */
  train: ImageClassificationDataset;
  /** Images to judge the model by. */
  val: ImageClassificationDataset | undefined;
  /** The classes that the head is to have, if they are known. */
  labels: readonly string[] | undefined;
}

/**
 * Opens the images: folders, or the preset of `dataset_name`, which may be
 * downloaded.
 *
 * @throws {ConfigError | DatasetError} If there are none; one line.
 */
export async function openFinetuneData(
  config: FinetuneConfig,
): Promise<FinetuneData> {
  const { dataset_name: name, class_names } = config;
  const given = class_names ?? (name ? await getClassnames(name) : undefined);
  const train = config.train
    ? await openDataset(config.train, given ? { classNames: given } : {})
    : await openPreset(config);
  const labels = given ?? train.classNames;
  const val = config.val
    ? await openDataset(config.val, labels ? { classNames: labels } : {})
    : undefined;
  return { train, val, labels };
}

const presetSchema = z.strictObject({
  train_datasets: z.record(z.string(), z.looseObject({})),
});

/** The training set of `config/dataset/image_classification/train/NAME.yaml`. */
async function openPreset(
  { dataset_name: name, model }: FinetuneConfig,
): Promise<ImageClassificationDataset> {
  if (!name) {
    throw new ConfigError(
      "command line: train: missing, expected train=FOLDER with the training images, or dataset_name=NAME",
    );
  }
  const preset = name.slice(name.lastIndexOf("/") + 1);
  const { config } = await composeConfig(
    [`dataset/image_classification/train@train_datasets=${preset}`],
    presetSchema,
  );
  const train_datasets = config.train_datasets as DatasetsConfig;
  const pool = await createModelPool({
    _target_: "ConvNextForImageClassificationPool",
    models: { _pretrained_: model },
    train_datasets,
  });
  const [task] = Object.keys(train_datasets);
  return await pool.loadTrainDataset(task!);
}

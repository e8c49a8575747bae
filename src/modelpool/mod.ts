/** Which models are merged: pools, and what becomes of them. */
export type { AlignmentOptions } from "./align_model.ts";
export {
  BaseModelPool,
  type BaseModelPoolOptions,
  type DatasetEntry,
} from "./base_pool.ts";
export type { ConvNextEntry, ConvNextEntryConfig } from "./convnext_entry.ts";
export {
  ConvNextForImageClassificationPool,
  type ConvNextPoolOptions,
} from "./convnext_pool.ts";
export {
  type DataRecord,
  type ImagesOfPool,
  imagesOfPool,
  type ImagesOfPoolOptions,
} from "./images_of_pool.ts";
export { ensembleModels, ensembleToFolder } from "./ensemble_models.ts";
export {
  loadTransformersConvNext,
  type LoadTransformersConvNextOptions,
} from "./load_transformers_convnext.ts";
export {
  mergeInfo,
  mergeModels,
  type MergeModelsOptions,
  mergeToFolder,
  type MergeToFolderOptions,
} from "./merge_models.ts";
export {
  saveModel,
  type SaveModelOptions,
  writeModelCard,
} from "./save_model.ts";

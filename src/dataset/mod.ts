/** Labelled images and the names of their classes. */
export {
  availableDatasets,
  getClassnames,
  getNumClasses,
} from "./class_names.ts";
export {
  batches,
  examples,
  type ExamplesOptions,
  type ImageBatch,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
export { type IdxArray, type IdxFiles, openIdx, parseIdx } from "./idx.ts";
export { decodeImage } from "./image.ts";
export { type ImageFolderOptions, openImageFolder } from "./image_folder.ts";
export type { ClassNameOptions } from "./labels.ts";
export { loadDataset, type LoadDatasetOptions } from "./load_dataset.ts";
export { openDataset, type OpenDatasetOptions } from "./open_dataset.ts";
export type { ColumnOptions } from "./parquet/choose_columns.ts";
export { openParquet, type ParquetOptions } from "./parquet/parquet_dataset.ts";
export { randomPermutation } from "./random_permutation.ts";
export type { RgbImage } from "./rgb_image.ts";
export type { SplitChoice } from "./split_files.ts";
export {
  subset,
  type SubsetOptions,
  trainValidationSplit,
  type TrainValidationSplitOptions,
} from "./subset.ts";
export { openTable, type TableOptions } from "./table_dataset.ts";
export { openWebDataset, type WebDatasetOptions } from "./web_dataset.ts";

/** Labelled images and the names of their classes. */
export {
  availableDatasets,
  getClassnames,
  getNumClasses,
} from "./class_names.ts";
export {
  batches,
  type ImageBatch,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
export { type IdxArray, type IdxFiles, openIdx, parseIdx } from "./idx.ts";
export { decodeImage } from "./image.ts";
export { type ImageFolderOptions, openImageFolder } from "./image_folder.ts";
export { openDataset } from "./open_dataset.ts";
export type { RgbImage } from "./rgb_image.ts";

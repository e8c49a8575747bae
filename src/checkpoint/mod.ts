/**
 * Checkpoints: files <-> named tensors. Knows no model.
 *
 * @module
 */
export { checkNotSource } from "./check_not_source.ts";
export { checkReplaceable } from "./check_replaceable.ts";
export { readInThisThread } from "./binary_file.ts";
export { knownSha256 } from "./known_sha256.ts";
export { checkRange } from "./element_range.ts";
export * from "./memory_state_dict.ts";
export * from "./open_checkpoint.ts";
export * from "./pytorch_file.ts";
export { writePytorch } from "./pytorch_writer.ts";
export * from "./replace_folder.ts";
export * from "./safetensors.ts";
export * from "./safetensors_writer.ts";
export {
  isSaveDType,
  SAVE_DTYPES,
  type SaveDType,
  saveDTypeOf,
} from "./save_dtype.ts";
export * from "./save_tensors.ts";
export { selectedTensors } from "./selected_tensors.ts";
export * from "./sha256.ts";
export { oneLine, shown, shownIssue } from "./shown.ts";
export * from "./state_dict.ts";
export { openTensorflowjs, TensorflowjsFile } from "./tensorflowjs_file.ts";
export { openLocation, viewTensors } from "./view_tensors.ts";
export { cleanUpTemporaries } from "../temporaries.ts";

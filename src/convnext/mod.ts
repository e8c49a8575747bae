/** ConvNeXt as a `tf.LayersModel` in Hugging Face's names and numbers. */
export {
  type Architecture,
  architectureOf,
  ARCHITECTURES,
  FUSION_TARGETS,
  fusionTargetsAmong,
  fusionTargetsOf,
} from "./architecture.ts";
export {
  type ConvNextConfig,
  labelMaps,
  labelsOf,
  numLabels,
  parseConvNextConfig,
} from "./config.ts";
export { ConvNextLayer } from "./convnext_layer.ts";
export {
  type EnsembleDescription,
  readEnsembleDescription,
} from "./ensemble_description.ts";
export { EnsembleModel } from "./ensemble_model.ts";
export { combineLogits, type EnsembleRule } from "./ensemble_rule.ts";
export { checkShapes, expectedShapes } from "./expected_shapes.ts";
export { usedTensors } from "./used_tensors.ts";
export { AutoImageProcessor, type PixelValues } from "./image_processor.ts";
export {
  applyLayer,
  type LinearInput,
  linearInputs,
  type LinearInputsOptions,
  type NamedLayer,
  namedLayers,
} from "./layer_inputs.ts";
export { loadLayersModel, saveLayersModel } from "./layers_model_folder.ts";
export { ConvNextLayerNorm } from "./layer_norm.ts";
export { loadMultiTaskModel } from "./load_multi_task_model.ts";
export { configOf, fusionTargets, type ModelMetadata } from "./metadata.ts";
export {
  attachHead,
  type AttachHeadOptions,
  backboneOf,
  createConvNext,
  hiddenStatesModel,
  type InitializeOptions,
} from "./model.ts";
export { type Head, headOf, withHead } from "./head.ts";
export { convNextFromStateDict, loadConvNext } from "./load_convnext.ts";
export type { ModelPart } from "./model_part.ts";
export { countParameters, MultiTaskModel } from "./multi_task_model.ts";
export type { MultiTask } from "./multi_task.ts";
export { sameLabels } from "./same_labels.ts";
export { openSurgery, operate, Surgery } from "./surgery.ts";
export {
  MASK_METADATA,
  maskFile,
  openTaskMasks,
  packMask,
  TaskMasks,
  taskStateDict,
} from "./task_masks.ts";
export {
  type OpenConvNext,
  openConvNext,
  openConvNextStateDict,
  readConvNextConfig,
} from "./open_convnext.ts";
export {
  configFromTimm,
  isTimmConfig,
  parseTimmConfig,
  type TimmConfig,
  timmConfigOf,
  usesConvolutions,
} from "./timm_config.ts";
export {
  imageProcessorFromTimm,
  timmFromImageProcessor,
} from "./timm_preprocessing.ts";
export {
  huggingFaceToTimm,
  isTimmStateDict,
  timmToHuggingFace,
} from "./timm_state_dict.ts";
export {
  isProductTensor,
  openWeightEnsembling,
  WeightEnsembling,
} from "./weight_ensembling.ts";
export {
  type BlockExperts,
  type RouterWeights,
  WeightEnsemblingLayer,
} from "./weight_ensembling_layer.ts";
export {
  loadStateDict,
  type NamedVariable,
  namedVariables,
  stateDictOf,
  weightShapes,
} from "./weights.ts";

/**
 * Merges fine-tuned ConvNeXt image classifiers into one multi-task model,
 * evaluates it and puts it to use, on TensorFlow.js.
 *
 * @module
 */
export {
  type ActiveBackend,
  type BackendChoice,
  type BackendName,
  useBackend,
  type UseBackendOptions,
} from "./src/backend/mod.ts";
export * from "./src/checkpoint/mod.ts";
export * from "./src/convnext/mod.ts";
export * from "./src/dataset/mod.ts";
export * from "./src/fusion_error.ts";
export * from "./src/hub/mod.ts";
export {
  analyzePool,
  type BoundMethod,
  type BracketCounts,
  type DataUse,
  elementMethod,
  type ElementPasses,
  type ElementPlan,
  type ElementRange,
  type ImageBatches,
  type KeepPlan,
  type LayerAnalysis,
  type MagnitudeBracket,
  mergeInMemory,
  type MergeInput,
  type MergeMethod,
  type MergeOptions,
  type MergePool,
  mergePool,
  type MergeSink,
  type NumberBounds,
  type NumberParameter,
  numberParameter,
  type PlanInput,
  type PoolAnalysis,
  type PoolData,
  type PrepareContext,
  type SumPlan,
  type TaskMaskInput,
  type TaskMaskRule,
  taskVector,
  type TiesFacts,
  type TiesMergeFunction,
  type TiesPlan,
} from "./src/merge/mod.ts";
export * from "./src/method/mod.ts";
export * from "./src/modelpool/mod.ts";
export * from "./src/report/mod.ts";
export * from "./src/taskpool/mod.ts";

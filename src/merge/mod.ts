/** Runs a method over the fusion targets, streamed or in memory. */
export {
  DEFAULT_CHUNK_SIZE,
  type MergeOptions,
  mergePool,
  type MergeSink,
} from "./merge.ts";
export { type DropAndRescaleOptions, dropFactors } from "./drop_and_rescale.ts";
export { countInPasses, kthMagnitude, kthMagnitudes } from "./kth_value.ts";
export { elementMethod } from "./elements/element_method.ts";
export type { ElementPasses } from "./elements/element_passes.ts";
export type {
  BracketCounts,
  MagnitudeBracket,
} from "./elements/magnitude_bracket.ts";
export type { ElementRange } from "./elements/protocol.ts";
export {
  type ElementPlan,
  type Factors,
  factorsOf,
  type KeepPlan,
  type SumPlan,
  type TiesPlan,
} from "./elements/plan.ts";
export { sumOperations } from "./elements/plan_operations.ts";
export { isLinearWeight } from "./linear_weight.ts";
export { magnitudeRankMask, magnitudeRanks } from "./magnitude_rank.ts";
export { mergeInMemory } from "./memory_sink.ts";
export type {
  BoundMethod,
  MergeInput,
  MergeMethod,
  PlanInput,
  PrepareContext,
} from "./method.ts";
export { type MixParameters, mixTaskVectors } from "./mix_task_vectors.ts";
export {
  type NumberBounds,
  type NumberContext,
  type NumberParameter,
  numberParameter,
  resolveNumber,
  tensorDepths,
} from "./number_parameter.ts";
export {
  type DataloaderKwargs,
  dataloaderKwargs,
} from "./dataloader_kwargs.ts";
export { checkNumbers, numbersOf, type NumberValue } from "./check_numbers.ts";
export { trainingBatches } from "./training_batches.ts";
export { CollapseWatch } from "./collapse_watch.ts";
export { GramMatrices } from "./gram_matrices.ts";
export { RegressionMean } from "./regression_mean.ts";
export { type WeightGradients, weightGradients } from "./weight_gradients.ts";
export {
  type DataUse,
  describeDataUse,
  excludes,
  type ImageBatches,
  needData,
  type PoolData,
} from "./pool_data.ts";
export { mergedChunk } from "./merged_chunk.ts";
export { baseOf, closePool, type MergePool, targetTensors } from "./pool.ts";
export { randomNormal, randomUniform } from "./random.ts";
export { onReadableBackend } from "./readable_backend.ts";
export { rescaleToNorm } from "./rescale_to_norm.ts";
export { taskVector } from "./task_vector.ts";
export {
  type TaskVectorChunk,
  taskVectorPass,
  type TaskVectorPassOptions,
} from "./task_vector_pass.ts";
export { taskVectorValues } from "./task_vector_values.ts";
export {
  mergeTies,
  mergeTiesInLoops,
  mergeTiesInOperations,
  type TiesMergeFunction,
} from "./merge_ties.ts";
export {
  findTiesFacts,
  type TiesFacts,
  type TiesParameters,
} from "./ties_facts.ts";
export { type AdamOptions, minimize } from "./adam.ts";
export {
  frobeniusNorm,
  innerProduct,
  leadingDirections,
  type MatrixMaker,
  type PolarFactor,
  polarFactor,
  type Svd,
  svd,
  timesTransposed,
  transposedTimes,
} from "./linear_algebra.ts";
export { symmetricEigen } from "./linear_algebra/symmetric_eigen.ts";
export { modelOrder, type ModelOrderOptions } from "./model_order.ts";
export { ensembleMethod } from "./ensemble_method.ts";
export {
  findTaskMasks,
  type TaskMaskInput,
  type TaskMaskRule,
  type TaskMaskSink,
} from "./task_masks.ts";
export {
  analyzePool,
  type LayerAnalysis,
  type PoolAnalysis,
} from "./analyze.ts";
export { ActivationMatching } from "./alignment/activation_matching.ts";
export { bestAssignment } from "./alignment/assignment.ts";
export type { Permutations } from "./alignment/permutation_axes.ts";
export { permutedStateDict } from "./alignment/permuted_state_dict.ts";
export {
  weightMatching,
  type WeightMatchingOptions,
} from "./alignment/weight_matching.ts";

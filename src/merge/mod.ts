/** Runs a method over the fusion targets, streamed or in memory. */
export {
  DEFAULT_CHUNK_SIZE,
  type MergeOptions,
  mergePool,
  type MergeSink,
} from "./merge.ts";
export { mergeInMemory } from "./memory_sink.ts";
export type {
  BoundMethod,
  MergeInput,
  MergeMethod,
  PrepareContext,
} from "./method.ts";
export {
  type NumberBounds,
  type NumberParameter,
  numberParameter,
} from "./number_parameter.ts";
export { baseOf, closePool, type MergePool, targetTensors } from "./pool.ts";
export { taskVector } from "./task_vector.ts";

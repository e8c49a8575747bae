/** YAML, presets and `key=value` overrides become plain, validated objects. */
export {
  composeConfig,
  type ComposeConfigOptions,
  type ComposedConfig,
  composeEvaluateConfig,
  composeRunConfig,
} from "./compose_config.ts";
export {
  createMethod,
  createModelPool,
  createTaskPool,
} from "./instantiate.ts";
export { poolFromFolder, tasksFromFolder } from "./folders.ts";
export {
  applyOverride,
  type Override,
  type ParsedArguments,
  parseOverride,
  parseOverrides,
} from "./overrides.ts";
export {
  buildPresetIndex,
  PRESET_GROUPS,
  type PresetGroup,
  type PresetIndex,
  presetIndex,
} from "./preset_index.ts";
export type {
  DatasetEntryConfig,
  DatasetsConfig,
  MethodConfig,
  ModelPoolConfig,
  TaskPoolConfig,
} from "./pool_schemas.ts";
export {
  type AnalyzeConfig,
  analyzeConfigSchema,
  BACKEND_CHOICES,
  type BackendChoice,
  type DTypeName,
  type EvaluateConfig,
  evaluateConfigSchema,
  type RunConfig,
  runConfigSchema,
  type SearchConfig,
  searchConfigSchema,
} from "./schemas.ts";
export {
  MODEL_POOL_TARGETS,
  type ModelPoolTarget,
  resolveMethodTarget,
  resolveTarget,
  TASK_POOL_TARGETS,
  type TaskPoolTarget,
} from "./targets.ts";
export {
  type Schema,
  type SchemaResult,
  validate,
  validateParameters,
  type Where,
} from "./validate.ts";
export {
  type ConfigObject,
  type ConfigValue,
  formatValue,
  isConfigObject,
  parseValue,
} from "./value.ts";

import * as z from "zod";
import type { AlignmentOptions } from "../modelpool/mod.ts";
import {
  MODEL_POOL_TARGETS,
  type ModelPoolTarget,
  TASK_POOL_TARGETS,
  type TaskPoolTarget,
} from "./targets.ts";
import type { Schema } from "./validate.ts";

/** A model described as in FusionBench's YAML. */
export interface ModelEntryConfig {
  /** A folder, or a Hugging Face repository id. */
  config_path: string;
  /** Loads weights. */
  pretrained?: boolean | undefined;
  /** A data set whose classes the head gets. */
  dataset_name?: string | null | undefined;
}

/** A data set as in FusionBench's YAML (`datasets.load_dataset`). */
export interface DatasetEntryConfig {
  /** A folder, or a Hugging Face repository id. */
  path?: string | undefined;
  /** Path and configuration, where they are not named. */
  _args_?: string[] | undefined;
  /** Which configuration of the repository. */
  name?: string | null | undefined;
  /** Which split, such as `test`. */
  split?: string | null | undefined;
  /** Other arguments of `load_dataset`. */
  [argument: string]: unknown;
}

/** Data sets by task: folders, or descriptions. */
export type DatasetsConfig = Record<string, string | DatasetEntryConfig>;

/** A model pool, ready to be made. */
export interface ModelPoolConfig {
  /** The pool's class name. */
  _target_: ModelPoolTarget;
  /** The models by name; `_pretrained_` is the common ancestor. */
  models: Record<string, string | ModelEntryConfig>;
  /** Training sets by task. */
  train_datasets?: DatasetsConfig | null | undefined;
  /** Validation sets by task. */
  val_datasets?: DatasetsConfig | null | undefined;
  /** Test sets by task. */
  test_datasets?: DatasetsConfig | null | undefined;
  /** How channels are put in one order, for models that share no start. */
  alignment?: AlignmentOptions | AlignmentOptions["method"] | null | undefined;
}

/** A task pool, ready to be made. */
export interface TaskPoolConfig {
  /** The pool's class name. */
  _target_: TaskPoolTarget;
  /** Test sets by task; empty for `DummyTaskPool`. */
  test_datasets: DatasetsConfig;
  /** A model folder or repository id; by default that of the model pool. */
  processor?: string | null | undefined;
  /** How images are batched. */
  dataloader_kwargs: {
    /** Images a batch. */
    batch_size: number;
    /** Of FusionBench; nothing here. */
    num_workers: number;
  };
}

/** A method with its parameters, to be checked by its own schema. */
export interface MethodConfig {
  /** Its path in `config/method` and `src/method`. */
  path: string;
  /** What preset, file and command line say. */
  parameters: Record<string, unknown>;
}

/** Element types of a saved model. */
export type DTypeName = "float32" | "float16" | "bfloat16";

/** The names a backend can be asked for by. */
export const BACKEND_CHOICES = [
  "auto",
  "cuda",
  "tensorflow",
  "webgpu",
  "wasm",
  "cpu",
] as const;

/** A name a backend can be asked for by. */
export type BackendChoice = typeof BACKEND_CHOICES[number];

/** What one run of the command line does. */
export interface RunConfig {
  /** How to merge. */
  method: MethodConfig;
  /** What to merge. */
  modelpool: ModelPoolConfig;
  /** What to evaluate on, if anything. */
  taskpool?: TaskPoolConfig | null | undefined;
  /** Folder for the merged model. */
  merged_model_save_path?: string | null | undefined;
  /** Further options for saving, such as `dtype`. */
  merged_model_save_kwargs?: Record<string, unknown> | null | undefined;
  /** Repository of the Hugging Face Hub that the merged model goes to. */
  push_to_hub?: string | null | undefined;
  /** File for the report. */
  report_save_path?: string | null | undefined;
  /** Element type of the saved model; by default that of the first model. */
  dtype?: DTypeName | null | undefined;
  /** Which TensorFlow.js backend computes. */
  backend: BackendChoice;
  /** Elements of a tensor merged at a time; by default the engine's choice. */
  chunk_size?: number | null | undefined;
  /** Goes on where a source has NaN or infinity. */
  allow_nonfinite: boolean;
  /** Seed of methods that draw random numbers. */
  seed?: number | null | undefined;
  /** Checks everything, then stops before merging. */
  dry_run: boolean;
  /** Prints the config. */
  print_config: boolean;
  /** Evaluates one batch of each task only. */
  fast_dev_run: boolean;
}

/** What `fusion evaluate` does. */
export interface EvaluateConfig {
  /** Folder of the model. */
  model: string;
  /** What to evaluate on. */
  taskpool: TaskPoolConfig;
  /** File for the report. */
  report_save_path?: string | null | undefined;
  /** Which TensorFlow.js backend computes. */
  backend: BackendChoice;
  /** Prints the config. */
  print_config: boolean;
  /** Evaluates one batch of each task only. */
  fast_dev_run: boolean;
}

/** What `fusion analyze` does. */
export interface AnalyzeConfig {
  /** What to compare. */
  modelpool: ModelPoolConfig;
  /** File for the analysis. */
  report_save_path?: string | null | undefined;
  /** Elements of a tensor read at a time; by default the engine's choice. */
  chunk_size?: number | null | undefined;
}

/** What `fusion search` does. */
export interface SearchConfig {
  /** How to merge; ranges stand in the places of numbers. */
  method: MethodConfig;
  /** What to merge. */
  modelpool: ModelPoolConfig;
  /** What to evaluate the winner on, if anything. */
  taskpool?: TaskPoolConfig | null | undefined;
  /** Which points are tried; by default a grid where all ranges have steps. */
  strategy?: "grid" | "random" | "cma_es" | null | undefined;
  /** Trials at most; by default all of a grid, else 50. */
  trials?: number | null | undefined;
  /** Trials without a better one after which the search stops. */
  patience?: number | null | undefined;
  /** What makes one trial better than another. */
  objective: "accuracy" | "loss";
  /** Numbers from the stem to the last layer in each range's place. */
  layers?: number | null | undefined;
  /** Part of each training set that is for validation. */
  validation_fraction: number;
  /** So many validation images of each task at most. */
  images?: number | null | undefined;
  /** Chooses validation images and random points. */
  seed: number;
  /** File of all trials. */
  record?: string | null | undefined;
  /** Goes on with the trials in that file. */
  resume: boolean;
  /** Folder for the winner. */
  merged_model_save_path?: string | null | undefined;
  /** File for the winner's report. */
  report_save_path?: string | null | undefined;
  /** Element type of the saved model; by default that of the first model. */
  dtype?: DTypeName | null | undefined;
  /** Which TensorFlow.js backend computes. */
  backend: BackendChoice;
}

const housekeeping = {
  _recursive_: z.unknown().optional(),
  _usage_: z.unknown().optional(),
  _version_: z.unknown().optional(),
};

/** Drops FusionBench's housekeeping keys. */
function withoutHousekeeping<T extends object>(value: T): T {
  const copy = { ...value } as Record<string, unknown>;
  for (const key of Object.keys(housekeeping)) delete copy[key];
  return copy as T;
}

const text = z.string().min(1, "text that is not empty");

const modelEntry = z.union([
  text,
  z.strictObject({
    _target_: z.unknown().optional(),
    ...housekeeping,
    config_path: text,
    pretrained: z.boolean().optional(),
    dataset_name: text.nullish(),
  }).transform(({ _target_, ...entry }) => withoutHousekeeping(entry)),
]);

const datasets = z.record(
  z.string(),
  z.union([
    text,
    z.looseObject({
      path: text.optional(),
      _args_: z.array(text).optional(),
      name: text.nullish(),
      split: text.nullish(),
    }),
  ]),
);

const alignmentMethod = z.enum(["weight_matching", "activation_matching"]);

/** Schema of a model pool; `_target_` must be a class name by now. */
const modelPoolSchema: z.ZodType<ModelPoolConfig> = z.strictObject({
  _target_: z.enum(MODEL_POOL_TARGETS).default(
    "ConvNextForImageClassificationPool",
  ),
  ...housekeeping,
  models: z.record(z.string(), modelEntry)
    .refine((models) => Object.keys(models).length > 0, "at least one model"),
  train_datasets: datasets.nullish(),
  val_datasets: datasets.nullish(),
  test_datasets: datasets.nullish(),
  alignment: z.union([
    alignmentMethod,
    z.strictObject({
      method: alignmentMethod,
      max_iterations: z.int().min(1).optional(),
      seed: z.int().min(0).optional(),
      num_examples: z.int().min(1).optional(),
      batch_size: z.int().min(1).optional(),
    }),
  ]).nullish(),
}).transform(withoutHousekeeping);

/** Schema of a task pool; `_target_` must be a class name by now. */
const taskPoolSchema: z.ZodType<TaskPoolConfig> = z.strictObject({
  _target_: z.enum(TASK_POOL_TARGETS).default("ImageClassificationTaskPool"),
  ...housekeeping,
  model_save_path: z.unknown().optional(),
  test_datasets: datasets.nullish().transform((sets) => sets ?? {}),
  processor: z.union([
    text,
    z.looseObject({ pretrained_model_name_or_path: text })
      .transform((processor) => processor.pretrained_model_name_or_path),
  ]).nullish(),
  dataloader_kwargs: z.strictObject({
    batch_size: z.int().min(1).default(32),
    num_workers: z.int().min(0).default(0),
    shuffle: z.unknown().optional(),
    pin_memory: z.unknown().optional(),
  }).nullish().transform((kwargs) => ({
    batch_size: kwargs?.batch_size ?? 32,
    num_workers: kwargs?.num_workers ?? 0,
  })),
}).transform(({ model_save_path: _, ...pool }) => withoutHousekeeping(pool))
  .refine(
    (pool) =>
      pool._target_ === "DummyTaskPool" ||
      Object.keys(pool.test_datasets).length > 0,
    { path: ["test_datasets"], message: "a test set for at least one task" },
  );

const method = z.strictObject({
  path: text,
  parameters: z.record(z.string(), z.unknown()),
});

/** Schema of a run. */
export const runConfigSchema: Schema<RunConfig> = z.strictObject({
  method,
  modelpool: modelPoolSchema,
  taskpool: taskPoolSchema.nullish(),
  merged_model_save_path: text.nullish(),
  push_to_hub: text.nullish(),
  merged_model_save_kwargs: z.record(z.string(), z.unknown()).nullish(),
  report_save_path: text.nullish(),
  dtype: z.enum(["float32", "float16", "bfloat16"]).nullish(),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
  chunk_size: z.int().min(1).nullish(),
  allow_nonfinite: z.boolean().default(false),
  seed: z.int().nullish(),
  dry_run: z.boolean().default(false),
  print_config: z.boolean().default(false),
  fast_dev_run: z.boolean().default(false),
});

/** Schema of an evaluation. */
export const evaluateConfigSchema: Schema<EvaluateConfig> = z.strictObject({
  model: text,
  taskpool: taskPoolSchema,
  report_save_path: text.nullish(),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
  print_config: z.boolean().default(false),
  fast_dev_run: z.boolean().default(false),
});

/** Schema of an analysis. */
export const analyzeConfigSchema: Schema<AnalyzeConfig> = z.strictObject({
  modelpool: modelPoolSchema,
  report_save_path: text.nullish(),
  chunk_size: z.int().min(1).nullish(),
});

/** Schema of a search. */
export const searchConfigSchema: Schema<SearchConfig> = z.strictObject({
  method,
  modelpool: modelPoolSchema,
  taskpool: taskPoolSchema.nullish(),
  strategy: z.enum(["grid", "random", "cma_es"]).nullish(),
  trials: z.int().min(1).nullish(),
  patience: z.int().min(1).nullish(),
  objective: z.enum(["accuracy", "loss"]).default("accuracy"),
  layers: z.int().min(2).nullish(),
  validation_fraction: z.number().gt(0).lt(1).default(0.1),
  images: z.int().min(1).nullish(),
  seed: z.int().min(0).default(0),
  record: text.nullish(),
  resume: z.boolean().default(true),
  merged_model_save_path: text.nullish(),
  report_save_path: text.nullish(),
  dtype: z.enum(["float32", "float16", "bfloat16"]).nullish(),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
});

import * as z from "zod";
import {
  type MethodConfig,
  methodSchema,
  type ModelPoolConfig,
  modelPoolSchema,
  type TaskPoolConfig,
  taskPoolSchema,
  text,
} from "./pool_schemas.ts";
import type { Schema } from "./validate.ts";

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

const dtype = z.enum(["float32", "float16", "bfloat16"]);

/** Schema of a run. */
export const runConfigSchema: Schema<RunConfig> = z.strictObject({
  method: methodSchema,
  modelpool: modelPoolSchema,
  taskpool: taskPoolSchema.nullish(),
  merged_model_save_path: text.nullish(),
  push_to_hub: text.nullish(),
  merged_model_save_kwargs: z.record(z.string(), z.unknown()).nullish(),
  report_save_path: text.nullish(),
  dtype: dtype.nullish(),
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
  method: methodSchema,
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
  dtype: dtype.nullish(),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
});

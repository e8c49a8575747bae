import * as z from "zod";
import type {
  AlignmentOptions,
  ConvNextEntryConfig,
} from "../modelpool/mod.ts";
import {
  MODEL_POOL_TARGETS,
  type ModelPoolTarget,
  TASK_POOL_TARGETS,
  type TaskPoolTarget,
} from "./targets.ts";

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
  models: Record<string, string | ConvNextEntryConfig>;
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

/** Text that is not empty. */
export const text: z.ZodString = z.string().min(1, "text that is not empty");

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
export const modelPoolSchema: z.ZodType<ModelPoolConfig> = z.strictObject({
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
export const taskPoolSchema: z.ZodType<TaskPoolConfig> = z.strictObject({
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

/** Schema of a method, whose parameters it checks itself. */
export const methodSchema: z.ZodType<MethodConfig> = z.strictObject({
  path: text,
  parameters: z.record(z.string(), z.unknown()),
});

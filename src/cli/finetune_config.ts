import * as z from "zod";
import { BACKEND_CHOICES } from "../config/mod.ts";
import { ConfigError } from "../fusion_error.ts";

const text = z.string().min(1);
const count = z.int().nonnegative();

/** The keys of `fusion finetune`: FusionBench's, and its own. */
export const finetuneSchema = z.strictObject({
  model: text,
  train: text.nullish(),
  val: text.nullish(),
  dataset_name: text.nullish(),
  class_names: z.array(z.coerce.string()).min(2).nullish(),
  output: text,
  log_dir: text.nullish(),
  max_epochs: z.int().nullish(),
  max_steps: z.int().nullish(),
  optimizer: z.looseObject({}),
  lr: z.number().positive().nullish(),
  momentum: z.number().nonnegative().nullish(),
  weight_decay: z.number().nonnegative().nullish(),
  lr_scheduler: z.looseObject({}).nullish(),
  warmup_steps: count.default(0),
  dataloader_kwargs: z.looseObject({ batch_size: z.int().positive() })
    .default({ batch_size: 64 }),
  batch_size: z.int().positive().nullish(),
  accumulate_grad_batches: z.int().positive().default(1),
  gradient_clip_val: z.number().positive().nullish(),
  label_smoothing: z.number().min(0).max(1).default(0),
  freeze: z.enum(["backbone", "head"]).nullish(),
  head_steps: count.default(0),
  layer_decay: z.number().positive().max(1).default(1),
  random_crop: count.default(0),
  random_flip: z.boolean().default(false),
  training_data_ratio: z.number().positive().max(1).nullish(),
  val_interval: z.int().positive().nullish(),
  save_top_k: z.int().min(-1).default(1),
  save_interval: z.int().positive().default(1),
  // FusionBench's: models are saved after the step or epoch either way.
  save_on_train_epoch_end: z.boolean().nullish(),
  state_interval: z.int().positive().default(50),
  seed: z.int().nullish(),
  resume: z.boolean().default(true),
  dtype: z.enum(["float32", "float16", "bfloat16"]).nullish(),
  backend: z.enum(BACKEND_CHOICES).default("auto"),
});

/** What {@linkcode finetuneSchema} gives. */
export type FinetuneConfig = z.infer<typeof finetuneSchema>;

/**
 * Writes `optimizer=adamw` as `optimizer={name: adamw}`, so that
 * `optimizer.lr=…` can follow; `lr_scheduler=cosine` likewise.
 */
export function expandNames(words: readonly string[]): string[] {
  return words.map((word) => {
    const match = /^(optimizer|lr_scheduler)=([A-Za-z_][\w.]*)$/.exec(word);
    return match && match[2] !== "null"
      ? `${match[1]}={name: ${match[2]}}`
      : word;
  });
}

/**
 * The length in epochs or steps; -1 is none. One that the command line gives
 * outdoes one of a file, which would stand beside it.
 *
 * @throws {ConfigError} If it gives both.
 */
export function lengthOf(
  { max_epochs, max_steps }: FinetuneConfig,
  where: (path: string) => string,
): Pick<FinetuneConfig, "max_epochs" | "max_steps"> {
  if (!(max_epochs && max_epochs > 0 && max_steps && max_steps > 0)) {
    return { max_epochs, max_steps };
  }
  const typed = ["max_epochs", "max_steps"].map((key) =>
    where(key) === "command line"
  );
  if (typed[0] === typed[1]) {
    throw new ConfigError(
      `${
        where("max_steps")
      }: max_steps: found ${max_steps} beside max_epochs=${max_epochs}, expected one of them`,
    );
  }
  return typed[0] ? { max_epochs } : { max_steps };
}

/** The optimiser, with what stands beside it: `lr=0.01` is `optimizer.lr`. */
export function optimizerOf(
  { optimizer, lr, momentum, weight_decay }: FinetuneConfig,
): Record<string, unknown> {
  const beside = Object.fromEntries(
    Object.entries({ lr, momentum, weight_decay }).filter(([, value]) =>
      value !== null && value !== undefined
    ),
  );
  return { ...optimizer, ...beside };
}

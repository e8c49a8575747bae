import { fromFileUrl, resolve } from "@std/path";
import type * as tf from "@tensorflow/tfjs";
import { useBackend } from "../backend/mod.ts";
import {
  checkNotSource,
  checkReplaceable,
  oneLine,
} from "../checkpoint/mod.ts";
import { composeConfig, type ComposedConfig } from "../config/mod.ts";
import {
  AutoImageProcessor,
  configOf,
  labelsOf,
  loadConvNext,
} from "../convnext/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { publicName, resolveModelPath } from "../hub/mod.ts";
import { listed } from "../listed.ts";
import { saveModel } from "../modelpool/mod.ts";
import { progressBar } from "../report/mod.ts";
import { fineTune, type FineTuneResult, withLabels } from "../training/mod.ts";
import {
  expandNames,
  type FinetuneConfig,
  finetuneSchema,
  lengthOf,
  optimizerOf,
} from "./finetune_config.ts";
import { openFinetuneData } from "./finetune_data.ts";
import { rejectPositional } from "./reject_positional.ts";
import { tellBackend } from "./tell_backend.ts";

const PRESET = new URL(
  "../../config/method/classification/image_classification_finetune.yaml",
  import.meta.url,
);

/** `fusion finetune model=DIR train=FOLDER output=DIR [key=value …]` */
export async function finetune(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  rejectPositional(words);
  const composed = await composeConfig(expandNames(words), finetuneSchema, {
    configFile: PRESET.protocol === "file:" ? fromFileUrl(PRESET) : PRESET.href,
  });
  const { config } = composed;
  const folder = await resolveModelPath(config.model);
  await checkNotSource(config.output, [folder]);
  // Told now, not when all is trained.
  checkReplaceable(config.output);
  const logFolder = config.log_dir ??
    `${config.output.replace(/\/+$/, "")}.training`;
  if (isWithin(logFolder, config.output)) {
    throw new ConfigError(
      `log_dir=${logFolder}: it lies in output=${config.output}, where only the finished model may be, expected another folder`,
    );
  }
  const source = await publicName(config.model);
  const { train, val, labels } = await openFinetuneData(config);
  const processor = await AutoImageProcessor.fromPretrained(folder);
  const seed = config.seed ?? 0;
  const options = trainingOptions(composed);

  const backend = await useBackend(config.backend);
  const pretrained = await loadConvNext(folder);
  const model = withLabels(
    pretrained,
    labels ?? labelsOf(configOf(pretrained)),
    seed,
  );
  const save = (trained: tf.LayersModel, path: string): Promise<void> =>
    saveModel(trained, path, {
      processor,
      ...(config.dtype ? { dtype: config.dtype } : {}),
      card: {
        models: [source.text],
        repositories: source.repositories,
        training: {
          dataset: config.dataset_name ?? train.name,
          images: train.length,
          seed,
          ...stated(options),
        },
      },
    });
  let bar: ReturnType<typeof progressBar> | undefined;
  let result: FineTuneResult;
  try {
    result = await fineTune(model, {
      ...options,
      train,
      val,
      processor,
      seed,
      log_dir: logFolder,
      recipe: { model: resolve(folder), labels: labelsOf(configOf(model)) },
      saveModel: save,
      onStep: ({ step, steps }) => {
        if (!bar) {
          // Not before: where the input is wrong, the error is the only line.
          if (!labels) console.error(keptHead(config, model));
          bar = progressBar("Training");
        }
        bar.update(step, steps);
      },
    });
  } finally {
    bar?.stop();
  }
  await save(model, config.output);
  model.dispose();
  tellBackend(backend);
  tell(config.output, result, json);
}

/** The head is the pretrained model's: nothing names the images' classes. */
function keptHead(
  { train, model: path }: FinetuneConfig,
  model: tf.LayersModel,
): string {
  const classes = labelsOf(configOf(model));
  const names = listed(classes.map(oneLine), 3);
  return `head: that of ${path} is kept, with ${classes.length} classes (${names}), as ${train} does not name its own; class_names=[A,B,…] or dataset_name=NAME gives a new one`;
}

function isWithin(path: string, folder: string): boolean {
  return `${resolve(path)}/`.startsWith(`${resolve(folder)}/`);
}

/** Those of the config's keys that are the training's own. */
function trainingOptions({ config, where }: ComposedConfig<FinetuneConfig>) {
  return {
    ...lengthOf(config, where),
    optimizer: optimizerOf(config),
    lr_scheduler: config.lr_scheduler,
    warmup_steps: config.warmup_steps,
    batch_size: config.batch_size ?? config.dataloader_kwargs.batch_size,
    accumulate_grad_batches: config.accumulate_grad_batches,
    gradient_clip_val: config.gradient_clip_val,
    label_smoothing: config.label_smoothing,
    freeze: config.freeze,
    head_steps: config.head_steps,
    layer_decay: config.layer_decay,
    random_crop: config.random_crop,
    random_flip: config.random_flip,
    training_data_ratio: config.training_data_ratio,
    val_interval: config.val_interval,
    save_top_k: config.save_top_k,
    save_interval: config.save_interval,
    state_interval: config.state_interval,
    resume: config.resume,
  };
}

/** Options that change what is kept of a run, not what is learnt. */
const KEPT = ["resume", "save_top_k", "save_interval", "state_interval"];

/** The options that a model card tells. */
function stated(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) =>
      value !== undefined && value !== null && !KEPT.includes(key)
    ),
  );
}

function tell(output: string, result: FineTuneResult, json: boolean): void {
  const { steps, loss, validation, checkpoints } = result;
  if (json) {
    console.log(JSON.stringify(
      {
        output,
        steps,
        ...(loss === undefined ? {} : { train_loss: loss }),
        ...(validation ? { val: validation } : {}),
        checkpoints,
      },
      null,
      2,
    ));
    return;
  }
  console.error(
    `steps: ${steps}${
      loss === undefined ? "" : `, training loss ${loss.toFixed(4)}`
    }${
      validation
        ? `, validation accuracy ${validation.accuracy.toFixed(4)}, loss ${
          validation.loss.toFixed(4)
        }`
        : ""
    }`,
  );
  console.log(output);
}

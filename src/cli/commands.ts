/**
 * What the command line can do.
 *
 * @module
 */
/** A command, as `--help` describes it. */
export interface CommandDescription {
  /** Its first word. */
  name: string;
  /** What it does, in a line. */
  summary: string;
  /** What follows its name. */
  usage: string;
  /** What it takes, and an example. */
  help: string;
  /** Whether it runs where no command is named. */
  isDefault?: boolean;
  /** Whether it prints its result as JSON, if told to. */
  json?: boolean;
  /** Loads the command only when it runs: `--help` needs no TensorFlow.js. */
  load: () => Promise<
    (words: string[], flags: { json?: boolean }) => Promise<void>
  >;
}

const COMMON = `
  backend=auto|cuda|tensorflow|webgpu|wasm|cpu   what computes (default auto)`;

/** All commands. */
export const COMMANDS: readonly CommandDescription[] = [
  {
    name: "run",
    summary: "merge a model pool, evaluate the merged model (the default)",
    usage: "method=METHOD modelpool=POOL [taskpool=TASKS] [key=value …]",
    isDefault: true,
    json: true,
    help: `
Keys:
  method=METHOD                  a preset (\`fusion list\`) or a YAML file
  method.PARAMETER=VALUE         a parameter of the method; numbers may differ
                                 by model or layer: {emoji:0.5,dwconv:0.1,*:0.3}
  modelpool=POOL                 a preset, a YAML file, or a folder with one
                                 model folder per task (Hugging Face, timm,
                                 LayersModel), one of them \`pretrained\` or
                                 \`_pretrained_\`
  modelpool.alignment=weight_matching|activation_matching
                                 puts channels in one order first, for models
                                 that share no start
  taskpool=TASKS                 a preset, a YAML file, or a folder of
                                 <task>/test/
  merged_model_save_path=DIR     where the merged model goes
  push_to_hub=OWNER/NAME         uploads that folder to the Hugging Face Hub
  report_save_path=FILE          where the report goes, as JSON
  dtype=float32|float16|bfloat16 what is written (default: as _pretrained_)
  allow_nonfinite=true           merge NaN and infinity all the same
${COMMON}

Example:
  fusion method=task_arithmetic method.scaling_factor=0.3 \\
         modelpool=demo taskpool=demo merged_model_save_path=out`,
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "search",
    summary: "search for a method's numbers on validation images",
    usage:
      "method=METHOD method.NUMBER=LOW:HIGH[:STEP] modelpool=POOL [key=value …]",
    json: true,
    help: `
Tries numbers in the ranges' places, each merged and evaluated on images taken
from the training sets; the pool is opened once. Test images take no part. A
search that was killed goes on where it was, to the same result.

Keys:
  method=METHOD                  a preset, or a YAML file
  method.NUMBER=LOW:HIGH:STEP    a range; several, in lists and mappings too:
                                 method.scaling_factor={mnist:0:1,*:0.3}
  modelpool=POOL                 with train_datasets (or val_datasets) by task:
                                 +modelpool.train_datasets.TASK=FOLDER
  strategy=grid|random|cma_es    every combination of steps; random points;
                                 CMA-ES, which learns where to look (default:
                                 grid where all ranges have steps, else cma_es)
  layers=N                       N numbers from the stem to the last layer in
                                 each range's place
  trials=N                       at most (default: all of a grid, else 50)
  patience=N                     stop after N trials without a better one
  objective=accuracy|loss        mean over the tasks (default accuracy)
  validation_fraction=X          of each training set (default 0.1)
  images=N                       validation images of each task at most
  seed=N                         chooses images and random points
  record=FILE                    all trials, a line of JSON each (default:
                                 DIR.search.jsonl beside the winner)
  resume=false                   begins anew in that file
  merged_model_save_path=DIR     where the winner goes
  taskpool=TASKS                 evaluates the winner
  report_save_path=FILE          where that report goes, as JSON
  dtype=float32|float16|bfloat16 what is written (default: as _pretrained_)
${COMMON}

Example:
  fusion search method=task_arithmetic method.scaling_factor=0.1:1.0:0.1 \\
         modelpool=demo images=20 \\
         +modelpool.train_datasets.cyrillic=demo/data/cyrillic/test \\
         +modelpool.train_datasets.digits=demo/data/digits/test \\
         +modelpool.train_datasets.greek=demo/data/greek/test \\
         +modelpool.train_datasets.latin=demo/data/latin/test`,
    load: async () => (await import("./search.ts")).search,
  },
  {
    name: "evaluate",
    summary: "evaluate a saved model on tasks",
    usage: "model=DIR taskpool=TASKS [report_save_path=FILE] [key=value …]",
    json: true,
    help: `
Keys:
  model=DIR              a merged model's folder, or a ConvNeXt's (Hugging Face,
                         timm, LayersModel), whose one head must have the
                         tasks' classes
  taskpool=TASKS         a preset, a YAML file, or a folder of <task>/test/
  report_save_path=FILE  where the report goes, as JSON
${COMMON}

Example:
  fusion evaluate model=out taskpool=demo report_save_path=report.json`,
    load: async () => (await import("./evaluate.ts")).evaluate,
  },
  {
    name: "finetune",
    summary: "fine-tune a pretrained model to an expert",
    usage:
      "model=DIR (dataset_name=NAME | train=FOLDER) output=DIR [val=FOLDER] [key=value …]",
    json: true,
    help: `
Killed at any moment, the same command goes on where it was, to the same
weights. Defaults are FusionBench's:
config/method/classification/image_classification_finetune.yaml.

Keys:
  model=DIR                  a ConvNeXt's folder (Hugging Face, timm,
                             LayersModel) or repository
  train=FOLDER               IDX files, or a subfolder of images for each class
  val=FOLDER                 likewise; the model is judged by it
  dataset_name=NAME          whose classes the head gets (cifar10, …), and,
                             without train, whose training set is loaded; or
  class_names=[A,B,…]        their names. Without both, the head gets the
                             classes that train names (by its folders); IDX
                             files name none: the model's own head is kept
  output=DIR                 where the expert goes
  log_dir=DIR                state, CSV log, TensorBoard events, best models
                             (default: OUTPUT.training)
  max_epochs=N, max_steps=N  how long: one of them, the other -1 or absent; here
                             max_steps outdoes a file's max_epochs (default: 10
                             epochs)
  optimizer=sgd|adam|adamw   with lr=, momentum=, weight_decay=, and
                             optimizer.nesterov=, optimizer.betas=, …
  lr_scheduler=constant|cosine|step   with lr_scheduler.T_max=,
                             lr_scheduler.step_size=, lr_scheduler.gamma=, …
  warmup_steps=N             steps over which the rate rises in a line
  batch_size=N, accumulate_grad_batches=N, gradient_clip_val=X
  label_smoothing=X, layer_decay=X
  freeze=backbone|head       what does not learn
  head_steps=N               the first steps, in which the head learns alone
  random_crop=PIXELS, random_flip=true, training_data_ratio=X
  seed=N                     draws the new head and the order of images as
                             PyTorch does (default: 0)
  save_top_k=K, save_interval=N, val_interval=N, state_interval=N
  resume=false               begins anew in log_dir
  config=FILE                a YAML file with these keys
  dtype=float32|float16|bfloat16   what is written (default: float32)
${COMMON}

Example:
  fusion finetune model=demo/pool/pretrained train=demo/data/digits/test \\
         dataset_name=mnist output=expert optimizer=adamw lr=0.0005 \\
         batch_size=32 max_steps=50`,
    load: async () => (await import("./finetune.ts")).finetune,
  },
  {
    name: "predict",
    summary: "classify images",
    usage: "model=DIR [task=NAME] IMAGE… [top_k=5] [--json]",
    json: true,
    help: `
Keys:
  model=DIR    a merged model's folder, or a ConvNeXt's (Hugging Face, timm,
               LayersModel)
  task=NAME    whose head classifies, where the model has several (default:
               that of _pretrained_)
  top_k=5      how many classes to print
${COMMON}

Example:
  fusion predict model=demo/pool/latin photo.jpg top_k=3`,
    load: async () => (await import("./predict.ts")).predict,
  },
  {
    name: "analyze",
    summary: "compare the task vectors of a model pool",
    usage: "modelpool=POOL [report_save_path=FILE] [--json]",
    json: true,
    help: `
Prints the cosine similarity of every two task vectors (expert minus
_pretrained_), their norms by layer, and the share of weights that one model
raises and another lowers.

Keys:
  modelpool=POOL         a preset, a YAML file, or a folder with one model
                         folder per task, one of them \`pretrained\` or
                         \`_pretrained_\`
  report_save_path=FILE  where the analysis goes, as JSON
  chunk_size=N           elements of a tensor read at a time

Example:
  fusion analyze modelpool=demo report_save_path=analysis.json`,
    load: async () => (await import("./analyze.ts")).analyze,
  },
  {
    name: "merge-info",
    summary: "tell how a folder was merged, and whether its sources changed",
    usage: "DIR [--json]",
    json: true,
    help: `
Hashes the sources that merge.json names and compares them with the SHA-256
recorded there. Exit status 2, with one line, if a source has changed or is
missing.

Example:
  fusion merge-info out`,
    load: async () => (await import("./merge_info.ts")).mergeInfo,
  },
  {
    name: "inspect",
    summary: "tell what a model folder, checkpoint or data set holds",
    usage: "PATH [--json]",
    json: true,
    help: `
Example:
  fusion inspect demo/pool/digits`,
    load: async () => (await import("./inspect.ts")).inspect,
  },
  {
    name: "convert",
    summary: "Hugging Face, timm and TensorFlow.js LayersModel folders",
    usage:
      "input=DIR output=DIR [format=huggingface|timm|tensorflowjs] [key=value …]",
    help: `
Without format a Hugging Face folder becomes a LayersModel (model.json,
weights.bin), a LayersModel or timm's checkpoint a Hugging Face folder.

Keys:
  input=DIR, output=DIR            folders; timm's may be a checkpoint alone
  format=huggingface|timm|tensorflowjs   what is written
  weights=safetensors|pytorch      model.safetensors (the default), or a
                                   pytorch_model.bin as torch.save writes it
  dtype=float32|float16|bfloat16   element type (default: each tensor's own)
${COMMON}

Example:
  fusion convert input=demo/pool/digits output=digits-tfjs`,
    load: async () => (await import("./convert.ts")).convert,
  },
  {
    name: "push",
    summary: "upload a model's folder to the Hugging Face hub",
    usage: "DIR OWNER/NAME [private=true] [commit_message=TEXT]",
    help: `
The repository is created if it is missing; \`OWNER/NAME@BRANCH\` names a branch.
HF_TOKEN, or the file that \`hf auth login\` writes, holds the access token.

Keys:
  private=true|false   whether a new repository is private
  commit_message=TEXT  the commit's title (default \`Upload model\`)

Example:
  fusion push out me/convnext-merged private=true`,
    load: async () => (await import("./push.ts")).push,
  },
  {
    name: "list",
    summary: "print methods, model pools, task pools and data sets",
    usage: "[method|modelpool|taskpool|dataset] [--json]",
    json: true,
    help: `
Example:
  fusion list method`,
    load: async () => (await import("./list.ts")).list,
  },
];

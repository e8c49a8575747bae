import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { type BackendChoice, useBackend } from "../src/backend/mod.ts";
import {
  composeRunConfig,
  createMethod,
  createModelPool,
  presetIndex,
} from "../src/config/mod.ts";
import type { MultiTask } from "../src/convnext/mod.ts";
import { FusionError } from "../src/fusion_error.ts";
import {
  type ConvNextForImageClassificationPool,
  type DataRecord,
  ensembleModels,
  mergeModels,
} from "../src/modelpool/mod.ts";
import { markdownTable, percentage } from "../src/report/mod.ts";
import { ImageClassificationTaskPool } from "../src/taskpool/mod.ts";

const TASKS = ["emoji", "fashion_mnist", "mnist", "optdigits"];

/** The reference's pool, whose numbers with PyTorch are known. */
const POOL = fromFileUrl(new URL("../tests/data/demo_pool", import.meta.url));

/** Fewer steps than the defaults, which are for bigger machines. */
const PARAMETERS: Record<string, string[]> = {
  "adamerging/task_wise": ["max_steps=100"],
  "adamerging/layer_wise": ["max_steps=100"],
  "adamerging/layer_wise, stopped early": [
    "max_steps=100",
    "early_stopping={interval:10,patience:3}",
  ],
  "concrete_subspace/concrete_task_arithmetic": ["max_steps=50"],
  "concrete_subspace/concrete_task_wise_adamerging": [
    "max_steps=15",
    "max_adamerging_steps=30",
  ],
  "concrete_subspace/concrete_layer_wise_adamerging": [
    "max_steps=15",
    "max_adamerging_steps=30",
  ],
  "adamerging/layer_wise, long steps": ["max_steps=300", "lr=0.01"],
  "surgery/adamerging_surgery": ["max_steps=50", "surgery_steps=100"],
  "wemoe/weight_ensembling_moe": ["max_steps=100"],
  "regmean/regmean": [
    "include_convolutions=false",
    "reduce_non_diagonal_ratio=0.9",
  ],
  "regmean/regmean, with convolutions": [],
  "linear/weighted_average": ["weights=[1,1,1,1]"],
  "ensemble/weighted_ensemble": ["weights=[1,1,1,1]"],
};

/** A line of the table. */
interface Row {
  name: string;
  parameters: string;
  accuracy?: Record<string, number>;
  average?: number;
  seconds?: number;
  /** What it looked at and warned of, or why there is no number. */
  remark: string;
}

/**
 * Accuracy of every method on the reference's pool, its test sets, in one table.
 *
 * @param args `data=FOLDER` with `<task>/train` and `<task>/test` (default:
 * those of the tests, without training sets); `backend=`; `only=TEXT` in the
 * method's name; `rows=FILE`, which rows are added to and which those that are
 * in it are taken from.
 */
export async function bench(args: string[]): Promise<void> {
  const options = Object.fromEntries(args.map((arg) => arg.split("=")));
  const data = options.data ??
    fromFileUrl(new URL("../tests/data/demo_data", import.meta.url));
  const { name } = await useBackend(
    (options.backend ?? "auto") as BackendChoice,
  );
  const rows = await readRows(options.rows);
  const names = [
    "_pretrained_",
    "experts, each on its own task",
    ...new Set([
      ...(await presetIndex()).method.filter((method) =>
        !method.startsWith("classification/")
      ),
      ...Object.keys(PARAMETERS),
    ]),
  ];
  for (const method of names) {
    if (options.only && !method.includes(options.only)) continue;
    if (rows.some((row) => row.name === method)) continue;
    const row = await measure(method, data);
    rows.push(row);
    if (options.rows) {
      await Deno.writeTextFile(options.rows, JSON.stringify(row) + "\n", {
        append: true,
      });
    }
    console.error(
      `${method}: ${
        row.average === undefined ? row.remark : percentage(row.average)
      }`,
    );
  }
  console.log(`Backend ${name}, TensorFlow.js ${tf.version.tfjs}.\n`);
  const done = rows.filter(({ average }) => average !== undefined);
  console.log(markdownTable(
    ["method", ...TASKS, "average", "s", "parameters", "remark"],
    done.toSorted((a, b) => b.average! - a.average!).map((row) => [
      row.name,
      ...TASKS.map((task) => percentage(row.accuracy![task]!)),
      percentage(row.average!),
      row.seconds!.toFixed(0),
      row.parameters,
      row.remark,
    ]),
  ));
  console.log("\nWithout a number:\n");
  for (const { name, average, remark } of rows) {
    if (average === undefined) console.log(`- ${name}: ${remark}`);
  }
}

async function readRows(path: string | undefined): Promise<Row[]> {
  if (!path) return [];
  try {
    const text = await Deno.readTextFile(path);
    return text.trimEnd().split("\n").filter(Boolean).map((line) =>
      JSON.parse(line)
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function measure(name: string, data: string): Promise<Row> {
  const [method] = name.split(",");
  const parameters = PARAMETERS[name] ?? [];
  const row = { name, parameters: parameters.join(" ") };
  const isModel = name.startsWith("_") || name.startsWith("experts");
  try {
    const { config, where } = await composeRunConfig([
      `method=${isModel ? "simple_average" : method}`,
      ...parameters.map((parameter) => `method.${parameter}`),
      `modelpool=${POOL}`,
      ...TASKS.flatMap((task) => [
        ...(isFolder(`${data}/${task}/train`)
          ? [`+modelpool.train_datasets.${task}=${data}/${task}/train`]
          : []),
        `+modelpool.test_datasets.${task}=${data}/${task}/test`,
      ]),
    ]);
    const pool = await createModelPool(config.modelpool);
    const bound = await createMethod(config.method, where);
    const begin = performance.now();
    let record: DataRecord | undefined;
    const model = isModel
      ? await pool.loadMultiTaskModel("_pretrained_")
      : bound.method.ensemble
      ? await ensembleModels(pool, bound)
      : await mergeModels(pool, bound, {
        onWarning: () => {},
        onData: (found) => record = found,
      });
    const seconds = (performance.now() - begin) / 1000;
    const accuracy = name.startsWith("experts")
      ? await expertAccuracy(pool, data)
      : await accuracyOf(model, TASKS, data, pool);
    await model.dispose();
    const stopped = record?.early_stopping as { best_step: number } | undefined;
    return {
      ...row,
      accuracy,
      average: TASKS.reduce((sum, task) => sum + accuracy[task]!, 0) /
        TASKS.length,
      seconds,
      remark: [
        ...(record ? [record.use] : []),
        ...(stopped ? [`best after ${stopped.best_step} steps`] : []),
        ...(record?.warnings ?? []).map((warning) => `warning: ${warning}`),
      ].join("; "),
    };
  } catch (error) {
    if (!(error instanceof FusionError)) throw error;
    return { ...row, remark: error.message };
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

async function accuracyOf(
  model: MultiTask,
  tasks: readonly string[],
  data: string,
  pool: ConvNextForImageClassificationPool,
): Promise<Record<string, number>> {
  const taskPool = new ImageClassificationTaskPool({
    test_datasets: Object.fromEntries(
      tasks.map((task) => [task, `${data}/${task}/test`]),
    ),
    processor: await pool.loadProcessor(),
    dataloader_kwargs: { batch_size: 100 },
  });
  const report = await taskPool.evaluate(model);
  return Object.fromEntries(
    tasks.map((task) =>
      [task, (report[task] as { accuracy: number }).accuracy] as const
    ),
  );
}

async function expertAccuracy(
  pool: ConvNextForImageClassificationPool,
  data: string,
): Promise<Record<string, number>> {
  const accuracy: Record<string, number> = {};
  for (const task of TASKS) {
    const expert = await pool.loadMultiTaskModel(task);
    Object.assign(accuracy, await accuracyOf(expert, [task], data, pool));
    await expert.dispose();
  }
  return accuracy;
}

/**
 * `deno task demo`: merges the four experts in `demo/pool` with two methods,
 * evaluates `_pretrained_`, each expert and both merges on `demo/data`, and
 * prints one table.
 */
import { fromFileUrl, join, relative } from "@std/path";
import {
  accuracyTable,
  ConvNextForImageClassificationPool,
  type EvaluationReport,
  ImageClassificationTaskPool,
  loadMethod,
  loadMultiTaskModel,
  mergeToFolder,
  type MultiTask,
  progressBar,
  useBackend,
} from "../mod.ts";

const DEMO = fromFileUrl(new URL("../demo", import.meta.url));
const TASKS = ["cyrillic", "digits", "greek", "latin"];
const METHODS = [
  ["simple_average", {}],
  ["task_arithmetic", { scaling_factor: 0.3 }],
] as const;
const output = Deno.args[0] ?? join(DEMO, "out");

const { name, device } = await useBackend("auto");
console.error(`backend: ${name} (${device})`);

const pool = new ConvNextForImageClassificationPool({
  models: Object.fromEntries(
    [["_pretrained_", "pretrained"], ...TASKS.map((task) => [task, task])].map(
      ([model, folder]) => [model, join(DEMO, "pool", folder!)],
    ),
  ),
});
const taskPool = new ImageClassificationTaskPool({
  test_datasets: Object.fromEntries(
    TASKS.map((task) => [task, join(DEMO, "data", task, "test")]),
  ),
  processor: await pool.loadProcessor(),
  dataloader_kwargs: { batch_size: 100 },
});

const reports = new Map<string, EvaluationReport>();
async function evaluate(label: string, model: MultiTask): Promise<void> {
  const bar = progressBar(`Evaluating ${label}`);
  const report = await taskPool.evaluate(model, {
    name: label,
    onProgress: (task, done, total) =>
      bar.update(TASKS.indexOf(task) * total + done, TASKS.length * total),
  });
  bar.stop();
  reports.set(label, report);
  await model.dispose();
}

for (const model of pool.allModelNames) {
  await evaluate(model, await pool.loadMultiTaskModel(model));
}
const folders: string[] = [];
for (const [method, parameters] of METHODS) {
  const folder = join(output, method);
  await mergeToFolder(pool, await loadMethod(method, parameters), folder, {
    dtype: "float32",
  });
  await evaluate(method, await loadMultiTaskModel(folder));
  folders.push(folder);
}

console.log(`
Accuracy in percent on ${TASKS.length} tasks (* best merge):

${accuracyTable(reports, METHODS.map(([method]) => method))}

Merged models, which transformers loads as they are:
${folders.map((folder) => `  ${relative(Deno.cwd(), folder)}`).join("\n")}
Classify an image with one of them:
  deno task fusion predict model=${
  relative(Deno.cwd(), folders[0]!)
} task=greek demo/sign.png`);

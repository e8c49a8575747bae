import { join } from "@std/path";
import * as z from "zod";
import type { MultiTask } from "../convnext/mod.ts";
import {
  accuracyTable,
  type EvaluationReport,
  progressBar,
} from "../report/mod.ts";
import type {
  EvaluateOptions,
  ImageClassificationTaskPool,
} from "../taskpool/mod.ts";
import { readTextIfThere } from "./optional_file.ts";
import { writeFileWhole } from "./write_file.ts";

/** Evaluates a model with a progress bar for each task on standard error. */
export async function evaluateWithProgress(
  taskPool: ImageClassificationTaskPool,
  model: MultiTask,
  options: Omit<EvaluateOptions, "onProgress">,
): Promise<EvaluationReport> {
  let current:
    | { task: string; bar: ReturnType<typeof progressBar> }
    | undefined;
  try {
    return await taskPool.evaluate(model, {
      ...options,
      onProgress(task, done, total) {
        if (current?.task !== task) {
          current?.bar.stop();
          current = { task, bar: progressBar(`Evaluating ${task}`) };
        }
        current.bar.update(done, total);
      },
    });
  } finally {
    current?.bar.stop();
  }
}

/**
 * What a saved model's `merge.json` tells of the images that its method looked
 * at; undefined if it looked at none.
 */
export async function savedData(
  folder: string,
): Promise<NonNullable<EvaluateOptions["data"]> | undefined> {
  const text = await readTextIfThere(join(folder, "merge.json"));
  if (text === undefined) return undefined;
  try {
    return dataSchema.parse(JSON.parse(text)).data;
  } catch {
    return undefined; // what a merge said of itself is no reason to refuse it
  }
}

const dataSchema = z.object({
  data: z.object({
    use: z.string(),
    warnings: z.array(z.string()).optional(),
  }).transform(({ use, warnings }) => ({
    use,
    ...(warnings && { warnings }),
  })).optional(),
});

/** Prints a report, as a table or as JSON, and saves it as JSON. */
export function tellReport(
  report: EvaluationReport,
  path: string | null | undefined,
  json: boolean,
): void {
  const text = JSON.stringify(report, null, 2);
  if (path) {
    writeFileWhole(path, text + "\n");
    console.error(`report: ${path}`);
  }
  const { name = "model", data } = report.model_info;
  if (data) console.error(`data: ${data.use}`);
  console.log(json ? text : accuracyTable(new Map([[name, report]])));
}

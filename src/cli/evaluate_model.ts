import type { MultiTask } from "../convnext/mod.ts";
import {
  accuracyTable,
  type EvaluationReport,
  progressBar,
} from "../report/mod.ts";
import type { ImageClassificationTaskPool } from "../taskpool/mod.ts";
import { writeFileWhole } from "./write_file.ts";

/** Evaluates a model with a progress bar for each task on standard error. */
export async function evaluateWithProgress(
  taskPool: ImageClassificationTaskPool,
  model: MultiTask,
  options: { name: string; fastDevRun?: boolean },
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
  const name = report.model_info.name ?? "model";
  console.log(json ? text : accuracyTable(new Map([[name, report]])));
}

import { basename, resolve } from "@std/path";
import { useBackend } from "../backend/mod.ts";
import { composeEvaluateConfig, createTaskPool } from "../config/mod.ts";
import { AutoImageProcessor, loadMultiTaskModel } from "../convnext/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import { resolveModelPath } from "../hub/mod.ts";
import {
  evaluateWithProgress,
  savedData,
  tellReport,
} from "./evaluate_model.ts";
import { rejectPositional } from "./reject_positional.ts";
import { tellBackend } from "./tell_backend.ts";
import { checkFilePlace } from "./write_file.ts";

/** `fusion evaluate model=DIR taskpool=TASKS [report_save_path=FILE]` */
export async function evaluate(
  words: string[],
  { json = false }: { json?: boolean },
): Promise<void> {
  rejectPositional(words);
  const { config } = await composeEvaluateConfig(words);
  const folder = await resolveModelPath(config.model);
  const taskPool = await createTaskPool(
    config.taskpool,
    () => AutoImageProcessor.fromPretrained(folder),
  );
  if (!taskPool) {
    throw new ConfigError(
      "taskpool: DummyTaskPool evaluates nothing, expected one with tasks",
    );
  }
  if (config.report_save_path) checkFilePlace(config.report_save_path);
  const backend = await useBackend(config.backend);
  const model = await loadMultiTaskModel(folder);
  const report = await evaluateWithProgress(taskPool, model, {
    name: basename(resolve(folder)),
    data: await savedData(folder),
    fastDevRun: config.fast_dev_run,
  });
  tellBackend(backend);
  tellReport(report, config.report_save_path, json);
}

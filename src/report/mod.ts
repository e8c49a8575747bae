/** What people look at: model cards, tables, progress. */
export {
  averageResult,
  type EvaluationReport,
  type ModelInfo,
  type TaskResult,
  taskResults,
} from "./evaluation_report.ts";
export { type ModelCard, modelCard } from "./model_card.ts";
export { type ProgressBar, progressBar } from "./progress.ts";
export { accuracyTable, markdownTable, percentage } from "./table.ts";

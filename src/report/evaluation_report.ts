/** Result on one task's test set, or the mean over tasks. */
export interface TaskResult {
  /** Share of images whose largest logit is the label's, 0 to 1. */
  accuracy: number;
  /** Mean cross-entropy over the images, in nats. */
  loss: number;
}

/** Size of the evaluated model. */
export interface ModelInfo {
  /** Weights that training would change. */
  trainable_params: number;
  /** All weights: the backbone's and every head's. */
  all_params: number;
  /** Their ratio, 0 to 1. */
  trainable_percentage: number;
  /** The model's name, if it was given one. */
  name?: string;
  /** Which images its method looked at, and what it warned of. */
  data?: { readonly use: string; readonly warnings?: readonly string[] };
}

/** FusionBench's report: `model_info`, a result for each task, `average`. */
export interface EvaluationReport {
  /** Size of the evaluated model. */
  model_info: ModelInfo;
  /** Mean over the tasks. */
  average: TaskResult;
  /** A task's result. */
  [task: string]: TaskResult | ModelInfo;
}

/** The tasks' results of a report, without `model_info` and `average`. */
export function taskResults(report: EvaluationReport): Map<string, TaskResult> {
  return new Map(
    Object.entries(report).filter(([key]) =>
      key !== "model_info" && key !== "average"
    ) as [string, TaskResult][],
  );
}

/** The mean of tasks' results. */
export function averageResult(results: Iterable<TaskResult>): TaskResult {
  const all = [...results];
  const mean = (key: keyof TaskResult): number =>
    all.reduce((sum, result) => sum + result[key], 0) / all.length;
  return { accuracy: mean("accuracy"), loss: mean("loss") };
}

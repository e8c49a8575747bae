/** Fine-tuning: from a pretrained model and a data set to an expert. */
export { adam, type AdamOptions } from "./adam.ts";
export { crossEntropy } from "./cross_entropy.ts";
export type { Validation } from "./evaluate.ts";
export { fineTune } from "./fine_tune.ts";
export type {
  FineTuneOptions,
  FineTuneResult,
  StepReport,
} from "./fine_tune_options.ts";
export {
  type LossAndGradients,
  lossAndGradients,
  type TrainingBatch,
} from "./gradients.ts";
export { withLabels } from "./new_head.ts";
export {
  Optimizer,
  type OptimizerOptions,
  type OptimizerTensor,
} from "./optimizer.ts";
export {
  type OptimizerConfig,
  parseOptimizer,
  updateRule,
} from "./optimizer_config.ts";
export { type Parameter, parametersOf } from "./parameters.ts";
export { learningRateAt, type ScheduleOptions } from "./schedule.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
export type { Update, UpdateRule } from "./update_rule.ts";

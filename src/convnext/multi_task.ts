import type * as tf from "@tensorflow/tfjs";

/**
 * A model that knows several tasks: one backbone under many heads, with or
 * without a mask a task, or an ensemble. Evaluation and prediction ask for no
 * more than this.
 */
export interface MultiTask {
  /** What messages call it. */
  readonly name: string;
  /**
   * The model that belongs to no task.
   * @throws {MethodError} If an ensemble's members differ in their labels.
   */
  readonly model: tf.LayersModel;
  /** Tasks that it tells apart; none if it treats every task alike. */
  readonly tasks: string[];
  /**
   * The model of a task: pixel_values [batch, height, width, channels] to
   * logits [batch, labels]. It lives as long as this.
   * @throws {ModelPoolError} If it has tasks, but not this one.
   */
  forTask(task: string): Promise<tf.LayersModel>;
  /**
   * Runs something with the model of a task. What had to be made for it alone
   * is released afterwards.
   * @throws {ModelPoolError} If it has tasks, but not this one.
   */
  withTask<Result>(
    task: string,
    use: (model: tf.LayersModel) => Promise<Result>,
  ): Promise<Result>;
  /** Number of weights: every backbone's and every head's, each once. */
  countParameters(): number;
  /** Releases weights and files. */
  dispose(): Promise<void>;
}

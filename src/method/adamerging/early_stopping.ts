import * as z from "zod";
import type { MultiTaskModel } from "../../convnext/mod.ts";
import type { PoolData } from "../../merge/mod.ts";

/** When a model that is being adapted is judged, and when that ends it. */
export interface EarlyStoppingOptions {
  /** Steps between two looks at the validation images. */
  interval: number;
  /** Looks without a better accuracy after which it stops. */
  patience: number;
}

/** Schema of a method's `early_stopping`; `null` is without. */
export const earlyStoppingSchema: z.ZodType<EarlyStoppingOptions | null> = z
  .strictObject({
    interval: z.int().min(1).default(50),
    patience: z.int().min(1).default(3),
  }).nullable().default(null);

/**
 * Keeps what was best on labelled validation images, and says when there is no
 * point in going on: entropy alone does not show that a model gets worse.
 *
 * @typeParam T What is kept of a step.
 */
export class EarlyStopping<T> {
  readonly #data: PoolData;
  readonly #options: EarlyStoppingOptions | null;
  readonly #key: string;
  readonly #accuracies: { step: number; accuracy: number }[] = [];
  #best: { step: number; accuracy: number; kept: T } | undefined;

  /**
   * Nothing looked at yet.
   *
   * @param options `null` never looks and never stops.
   * @param key What the merge's record calls it.
   */
  constructor(
    data: PoolData,
    options: EarlyStoppingOptions | null,
    key = "early_stopping",
  ) {
    this.#data = data;
    this.#options = options;
    this.#key = key;
  }

  /** Whether the model is to be judged before this step. */
  isDue(step: number, isLast = false): boolean {
    return this.#options !== null &&
      (isLast || step % this.#options.interval === 0);
  }

  /**
   * Judges the model.
   *
   * @param step Steps taken.
   * @param keep What is to be kept if it is the best so far.
   * @returns Whether to stop.
   */
  async look(step: number, model: MultiTaskModel, keep: T): Promise<boolean> {
    const accuracy = await this.#data.validate(model);
    this.#accuracies.push({ step, accuracy });
    if (!this.#best || accuracy > this.#best.accuracy) {
      this.#best = { step, accuracy, kept: structuredClone(keep) };
      return false;
    }
    const since = this.#accuracies.findIndex((look) =>
      look.step === this.#best!.step
    );
    const { patience } = this.#options!;
    return this.#accuracies.length - 1 - since >= patience;
  }

  /** What was kept of the best step; undefined if nothing was looked at. */
  best(): T | undefined {
    if (!this.#best) return undefined;
    const { step, accuracy, kept } = this.#best;
    this.#data.note(this.#key, {
      best_step: step,
      best_accuracy: accuracy,
      accuracies: this.#accuracies,
    });
    return kept;
  }
}

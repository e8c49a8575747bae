import { taskResults } from "../report/mod.ts";
import type { EvaluationReport } from "../report/mod.ts";
import type { Strategy } from "./strategy.ts";
import type { Trial, TrialRecord } from "./trial_record.ts";

/** What makes one trial better than another. */
export const OBJECTIVES = ["accuracy", "loss"] as const;

/** An objective's name: the mean over tasks of it. */
export type Objective = typeof OBJECTIVES[number];

/** How a search runs. */
export interface SearchOptions {
  /** Trials at most. */
  trials: number;
  /** Trials without a better one after which it stops; `null` never stops. */
  patience: number | null;
  /** What makes one trial better than another. */
  objective: Objective;
  /** Told of each trial; of those from the record too. */
  onTrial?: (trial: Trial, best: Trial) => void;
}

/** What a search found. */
export interface SearchResult {
  /** All trials, in their order. */
  readonly trials: readonly Trial[];
  /** The first of the best. */
  readonly best: Trial;
}

/**
 * Tries points until there are no more, or none has been better for long. Trials
 * of the record are not evaluated again: a search that was stopped goes on to
 * the same result.
 *
 * @param evaluate Merges with a point's numbers and evaluates.
 */
export async function search(
  strategy: Strategy,
  record: TrialRecord,
  evaluate: (point: readonly number[]) => Promise<EvaluationReport>,
  { trials: most, patience, objective, onTrial }: SearchOptions,
): Promise<SearchResult> {
  const trials: Trial[] = [];
  let best: Trial | undefined;
  while (trials.length < most) {
    const point = strategy.ask();
    if (!point) break;
    const number = trials.length;
    let trial = record.trials[number];
    if (!trial || `${trial.point}` !== `${point}`) {
      const report = await evaluate(point);
      trial = {
        trial: number,
        point,
        accuracy: Object.fromEntries(
          Array.from(
            taskResults(report),
            ([task, { accuracy }]) => [task, accuracy] as const,
          ),
        ),
        average: report.average,
      };
      record.append(trial);
    }
    trials.push(trial);
    const score = scoreOf(trial, objective);
    strategy.tell(score);
    if (!best || score > scoreOf(best, objective)) best = trial;
    onTrial?.(trial, best);
    if (patience !== null && number - best.trial >= patience) break;
  }
  return { trials, best: best! };
}

/** The larger, the better. */
function scoreOf({ average }: Trial, objective: Objective): number {
  return objective === "accuracy" ? average.accuracy : -average.loss;
}

/** What a thread is told: first its setup, then requests. */
export type WorkerMessage =
  | { setup: unknown }
  | { id: number; request: unknown };

/** What a thread answers to the request of the same `id`. */
export type WorkerAnswer =
  | { id: number; answer: unknown }
  | { id: number; error: string; isFusionError: boolean };

/** What a merge worker is told first; its requests are chunks. */
export interface MergeSetup {
  /** URL of the method's module. */
  module: string;
  /** The method's name. */
  name: string;
  /** Its parameters. */
  parameters: Readonly<Record<string, unknown>>;
  /** What its `prepare` found. */
  facts: unknown;
  /** The experts' names. */
  modelNames: readonly string[];
  /** Paths of the experts' checkpoints, then of `_pretrained_` if needed. */
  paths: readonly string[];
  /** Goes on when a source holds NaN or infinity. */
  allowNonfinite: boolean;
}

import type { CheckpointLocation } from "../checkpoint/mod.ts";

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
  /** Where the experts' checkpoints are, then that of `_pretrained_` if needed. */
  locations: readonly CheckpointLocation[];
  /** Goes on when a source holds NaN or infinity. */
  allowNonfinite: boolean;
}

import type { CheckpointLocation } from "../../checkpoint/mod.ts";
import type { BracketCounts, MagnitudeBracket } from "./magnitude_bracket.ts";
import type { ElementPlan } from "./plan.ts";

/** Elements [begin, end) of a flattened tensor. */
export interface ElementRange {
  /** The tensor's name. */
  readonly name: string;
  /** First element. */
  readonly begin: number;
  /** One past the last element. */
  readonly end: number;
}

/** What an element thread is told first. */
export interface ElementSetup {
  /** Where the models' checkpoints are, then that of `_pretrained_` if there is one. */
  readonly locations: readonly CheckpointLocation[];
  /** Whether the last is that of `_pretrained_`. */
  readonly hasPretrained: boolean;
  /** Goes on when a source holds NaN or infinity. */
  readonly allowNonfinite: boolean;
}

/** What an element thread can do. */
export interface ElementTasks {
  /** Counts the task vectors' magnitudes. */
  count: {
    request: {
      ranges: readonly ElementRange[];
      brackets: readonly MagnitudeBracket[];
    };
    answer: BracketCounts[];
  };
  /** Adds up the signs of the sums of trimmed task vectors. */
  signs: {
    request: {
      ranges: readonly ElementRange[];
      thresholds: readonly number[];
    };
    answer: number;
  };
  /** Reads a range of every source into memory that the threads share. */
  read: {
    request: { range: ElementRange; buffers: readonly SharedArrayBuffer[] };
    answer: undefined;
  };
  /** Merges a range into memory that the threads share. */
  merge: {
    request: {
      range: ElementRange;
      plan: ElementPlan;
      buffer: SharedArrayBuffer;
    };
    answer: undefined;
  };
}

/** Name of a task. */
export type ElementTask = keyof ElementTasks;

/** A task for an element thread, with what it needs. */
export type ElementRequest<T extends ElementTask = ElementTask> = readonly [
  task: T,
  request: ElementTasks[T]["request"],
];

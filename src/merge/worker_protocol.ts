import type { Chunk } from "./chunk.ts";

/** What a merge worker is told first. */
export interface WorkerSetup {
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

/** A chunk that a merge worker is to merge. */
export interface ChunkRequest {
  /** Comes back with the answer. */
  id: number;
  /** The chunk. */
  chunk: Chunk;
}

/** What a merge worker is told. */
export type WorkerRequest = { setup: WorkerSetup } | ChunkRequest;

/** What a merge worker answers. */
export type WorkerAnswer =
  | { id: number; values: Float32Array }
  | { id: number; error: string; isFusionError: boolean };

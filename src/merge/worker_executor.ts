import type { ChunkContext } from "./chunk.ts";
import type { Executor } from "./executor.ts";
import type { MergeSetup } from "./worker_protocol.ts";
import { WorkerThreads } from "./worker_threads.ts";

/** Chunks that each worker has under way: one is read while one is computed. */
const CHUNKS_A_WORKER = 2;

/**
 * Merges chunks in several threads, each with a WebAssembly backend of its own.
 *
 * @param context Its sources must all have a `location`, its method a `module`.
 * @param threads How many threads.
 */
export function workerExecutor(
  { bound, facts, modelNames, allowNonfinite, sources }: ChunkContext,
  threads: number,
): Executor {
  const setup: MergeSetup = {
    module: bound.module!,
    name: bound.name,
    parameters: bound.parameters,
    facts,
    modelNames,
    locations: sources.map((source) => source.location!),
    allowNonfinite,
  };
  const workers = new WorkerThreads(
    new URL("./merge_worker.ts", import.meta.url),
    setup,
    threads,
  );
  return {
    parallel: threads * CHUNKS_A_WORKER,
    run: async (chunk, consume) =>
      await consume(await workers.ask(chunk) as Float32Array),
    close: () => workers.close(),
  };
}

import { MethodError } from "../fusion_error.ts";
import type { ChunkContext } from "./chunk.ts";
import type { Executor } from "./executor.ts";
import type { WorkerAnswer, WorkerRequest } from "./worker_protocol.ts";

interface Waiting {
  resolve(values: Float32Array): void;
  reject(error: Error): void;
}

/** Chunks that each worker has under way: one is read while one is computed. */
const CHUNKS_A_WORKER = 2;

/**
 * Merges chunks in several threads, each with a WebAssembly backend of its own.
 *
 * @param context Its sources must all have a `location`, its method a `module`.
 * @param threads How many threads.
 */
export function workerExecutor(
  context: ChunkContext,
  threads: number,
): Executor {
  const waiting = new Map<number, Waiting>();
  const { bound, facts, modelNames, allowNonfinite, sources } = context;
  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(
      new URL("./merge_worker.ts", import.meta.url).href,
      { type: "module" },
    );
    const request: WorkerRequest = {
      setup: {
        module: bound.module!,
        name: bound.name,
        parameters: bound.parameters,
        facts,
        modelNames,
        paths: sources.map((source) => source.location!),
        allowNonfinite,
      },
    };
    worker.postMessage(request);
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      const chunk = waiting.get(data.id);
      waiting.delete(data.id);
      if ("values" in data) chunk?.resolve(data.values);
      else {
        chunk?.reject(
          data.isFusionError
            ? new MethodError(data.error)
            : new Error(data.error),
        );
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new Error(`a merge thread failed: ${event.message}`));
    };
    return worker;
  });
  let count = 0;
  return {
    parallel: threads * CHUNKS_A_WORKER,
    async run(chunk, consume) {
      const id = count++;
      const values = await new Promise<Float32Array>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        const request: WorkerRequest = { id, chunk };
        workers[id % threads]!.postMessage(request);
      });
      await consume(values);
    },
    close() {
      for (const worker of workers) worker.terminate();
      fail(new Error("the merge was ended"));
    },
  };
}

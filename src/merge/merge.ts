import * as tf from "@tensorflow/tfjs";
import { MethodError } from "../fusion_error.ts";
import { type ChunkContext, missingPretrained } from "./chunk.ts";
import { chunksOf, type Executor, localExecutor } from "./executor.ts";
import type { BoundMethod } from "./method.ts";
import { tensorDepths } from "./number_parameter.ts";
import { type MergePool, targetTensors } from "./pool.ts";
import { workerExecutor } from "./worker_executor.ts";

/** Where merged values go, chunk by chunk. */
export interface MergeSink {
  /** Takes elements [begin, begin + values.length) of a tensor. */
  write(name: string, begin: number, values: Float32Array): Promise<void>;
}

/** How a merge runs. */
export interface MergeOptions {
  /** Layers that merging may change. @default {["convnext"]} */
  targets?: readonly string[];
  /** Elements of a tensor that `element` methods see at once. */
  chunkSize?: number;
  /** Goes on when a source holds NaN or infinity. @default {false} */
  allowNonfinite?: boolean;
  /** Threads on the WebAssembly backend. Default: as the machine has. */
  threads?: number;
  /** Told after each chunk how many of all elements are merged. */
  onProgress?: (done: number, total: number) => void;
}

/** Elements of a chunk: small enough for a processor's cache to hold a pool. */
export const DEFAULT_CHUNK_SIZE: number = 1 << 17;

/** Elements of all models from which on threads are worth their start. */
const WORTH_THREADS = 1 << 25;

/**
 * Runs a method over a pool's fusion targets, streamed: while chunks are
 * computed, the next are read and the last written. Chunked and whole runs, in
 * one thread or several, give the same numbers.
 *
 * @throws {MethodError} If the method cannot run on this pool, or a source
 * holds NaN or infinity (names model and tensor).
 * @throws {ModelPoolError} If the models' tensors do not fit each other.
 */
export async function mergePool(
  pool: MergePool,
  bound: BoundMethod,
  sink: MergeSink,
  options: MergeOptions = {},
): Promise<void> {
  const {
    targets = ["convnext"],
    chunkSize = DEFAULT_CHUNK_SIZE,
    allowNonfinite = false,
  } = options;
  const { method, parameters } = bound;
  checkPool(pool, bound);
  const shapes = targetTensors(pool, targets);
  const facts = await method.prepare?.(pool, parameters, {
    targets: shapes,
    chunkSize,
  });
  const chunks = chunksOf(
    shapes,
    tensorDepths(shapes.keys()),
    method.granularity === "tensor" ? Infinity : chunkSize,
  );
  let total = 0;
  for (const { begin, end } of chunks) total += end - begin;
  const executor = executorFor(
    {
      bound,
      facts,
      modelNames: [...pool.models.keys()],
      sources: [
        ...pool.models.values(),
        ...(pool.pretrained && method.pretrained !== "unused"
          ? [pool.pretrained]
          : []),
      ],
      allowNonfinite,
    },
    total,
    options.threads ?? navigator.hardwareConcurrency,
  );
  let done = 0;
  // Chunks under way, oldest first; each promise includes its writing.
  const underWay: Promise<void>[] = [];
  try {
    for (const chunk of chunks) {
      if (underWay.length >= executor.parallel) await underWay.shift();
      const writing = executor.run(chunk, async (values) => {
        await sink.write(chunk.name, chunk.begin, values);
        done += chunk.end - chunk.begin;
        options.onProgress?.(done, total);
      });
      writing.catch(() => {}); // awaited, and so reported, in its turn
      underWay.push(writing);
    }
    for (const writing of underWay) await writing;
  } finally {
    executor.close();
    // A sink may be ended only when nothing is being written to it.
    await Promise.allSettled(underWay);
  }
}

/**
 * Threads for large files on the WebAssembly backend, else this thread. Sums,
 * which pass NaN on, take no longer than their reading, which the system's
 * threads do already: more threads would only take longer to start.
 */
function executorFor(
  context: ChunkContext,
  total: number,
  threads: number,
): Executor {
  const { bound, sources } = context;
  const worthIt = total * sources.length >= WORTH_THREADS && threads > 1 &&
    tf.getBackend() === "wasm" && bound.module !== undefined &&
    !bound.method.propagatesNonfinite &&
    sources.every((source) => source.location !== undefined);
  return worthIt ? workerExecutor(context, threads) : localExecutor(context);
}

function checkPool(
  pool: MergePool,
  { name, method, parameters }: BoundMethod,
): void {
  if (method.pretrained === "needed" && !pool.pretrained) {
    throw missingPretrained(name);
  }
  const count = pool.models.size;
  const { minimumModels = 1, maximumModels = Infinity } = method;
  if (count < minimumModels || count > maximumModels) {
    const expected = minimumModels === maximumModels
      ? `exactly ${minimumModels}`
      : count < minimumModels
      ? `at least ${minimumModels}`
      : `at most ${maximumModels}`;
    throw new MethodError(
      `method ${name}: the model pool has ${count} model${
        count === 1 ? "" : "s"
      } to merge (${[...pool.models.keys()].join(", ")}), expected ${expected}`,
    );
  }
  method.check?.(parameters, [...pool.models.keys()]);
}

import * as tf from "@tensorflow/tfjs";
import { computesOnProcessor, hasNativeOps } from "../backend/mod.ts";
import { elementCount, type StateDict } from "../checkpoint/mod.ts";
import { MethodError } from "../fusion_error.ts";
import { type Chunk, type ChunkContext, missingPretrained } from "./chunk.ts";
import { chunksOf, type Executor, localExecutor } from "./executor.ts";
import { threadReader } from "./chunk_inputs.ts";
import { elementExecutor } from "./elements/element_executor.ts";
import { ElementThreads } from "./elements/element_threads.ts";
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
  /** Threads for large pools of files. Default: as the machine has. */
  threads?: number;
  /**
   * Elements of all models together from which on threads are worth their
   * start. @default {33554432}
   */
  threadsFrom?: number;
  /** Told after each chunk how many of all elements are merged. */
  onProgress?: (done: number, total: number) => void;
}

/** Elements of a chunk: small enough for a processor's cache to hold a pool. */
export const DEFAULT_CHUNK_SIZE: number = 1 << 17;

/**
 * Elements that element threads hand over at once: they take them in smaller
 * blocks by themselves, and each message has its price.
 */
const THREADS_CHUNK_SIZE = 1 << 19;

/** Default of `threadsFrom`. */
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
    allowNonfinite = false,
  } = options;
  const { method, parameters } = bound;
  checkPool(pool, bound);
  const shapes = targetTensors(pool, targets);
  const usesPretrained = pool.pretrained && method.pretrained !== "unused";
  const sources = [
    ...pool.models.values(),
    ...(usesPretrained ? [pool.pretrained!] : []),
  ];
  const threads = threadsFor(shapes, sources, options);
  const plan = method.plan && computesOnProcessor();
  // What is computed in this thread by all cores has its reading done by one.
  const inThreads = plan ? threads : hasNativeOps() ? Math.min(1, threads) : 0;
  const elements = inThreads > 0
    ? new ElementThreads(sources, {
      hasPretrained: usesPretrained === true,
      allowNonfinite,
    }, inThreads)
    : undefined;
  const {
    chunkSize = plan && elements ? THREADS_CHUNK_SIZE : DEFAULT_CHUNK_SIZE,
  } = options;
  const chunks = chunksOf(
    shapes,
    tensorDepths(shapes.keys()),
    method.granularity === "tensor" ? Infinity : chunkSize,
  );
  try {
    const facts = await method.prepare?.(pool, parameters, {
      targets: shapes,
      chunkSize,
      ...(elements && { threads: elements }),
    });
    const modelNames = [...pool.models.keys()];
    const context = { bound, facts, modelNames, sources, allowNonfinite };
    await runChunks(
      chunks,
      plan && elements
        ? elementExecutor(context, elements)
        : elements
        ? localExecutor(context, threadReader(elements))
        : executorFor(context, threads),
      sink,
      options,
    );
  } finally {
    elements?.close();
  }
}

async function runChunks(
  chunks: readonly Chunk[],
  executor: Executor,
  sink: MergeSink,
  { onProgress }: MergeOptions,
): Promise<void> {
  let done = 0;
  const total = chunks.reduce((sum, { begin, end }) => sum + end - begin, 0);
  // Chunks under way, oldest first; each promise includes its writing.
  const underWay: { elements: number; writing: Promise<void> }[] = [];
  const { parallel, elements: limit = Infinity } = executor;
  try {
    for (const chunk of chunks) {
      const elements = chunk.end - chunk.begin;
      while (
        underWay.length >= parallel ||
        underWay.length > 0 &&
          underWay.reduce((sum, one) => sum + one.elements, elements) > limit
      ) await underWay.shift()!.writing;
      const writing = executor.run(chunk, async (values) => {
        await sink.write(chunk.name, chunk.begin, values);
        done += chunk.end - chunk.begin;
        onProgress?.(done, total);
      });
      writing.catch(() => {}); // awaited, and so reported, in its turn
      underWay.push({ elements, writing });
    }
    for (const { writing } of underWay) await writing;
  } finally {
    executor.close();
    // A sink may be ended only when nothing is being written to it.
    await Promise.allSettled(underWay.map(({ writing }) => writing));
  }
}

/** How many threads a merge is worth: none for what is small or in memory. */
function threadsFor(
  shapes: ReadonlyMap<string, readonly number[]>,
  sources: readonly StateDict[],
  { threads = navigator.hardwareConcurrency, threadsFrom = WORTH_THREADS }:
    MergeOptions,
): number {
  let elements = 0;
  for (const shape of shapes.values()) elements += elementCount(shape);
  return elements * sources.length >= threadsFrom &&
      sources.every((source) => source.location !== undefined)
    ? threads
    : 0;
}

/**
 * Threads for large files on the WebAssembly backend, else this thread. Sums,
 * which pass NaN on, take no longer than their reading, which the system's
 * threads do already: more threads would only take longer to start.
 */
function executorFor(context: ChunkContext, threads: number): Executor {
  const { method, module } = context.bound;
  return threads > 1 && module !== undefined && tf.getBackend() === "wasm" &&
      !method.propagatesNonfinite
    ? workerExecutor(context, threads)
    : localExecutor(context);
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

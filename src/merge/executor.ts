import * as tf from "@tensorflow/tfjs";
import { elementCount, type StateDict } from "../checkpoint/mod.ts";
import {
  checkResult,
  type Chunk,
  type ChunkContext,
  mergeChunk,
} from "./chunk.ts";

/** Reads and merges chunks, several at a time. */
export interface Executor {
  /** How many chunks may be under way. */
  readonly parallel: number;
  /** Merges one chunk; results come in the order of the calls. */
  run(chunk: Chunk): Promise<Float32Array>;
  /** Ends it. */
  close(): void;
}

/**
 * Reads a chunk of every source.
 *
 * @param buffers Memory to read into, one array a source, where the backend
 * keeps a copy of its own; empty where it keeps the array.
 */
export function readChunk(
  { name, begin, end }: Chunk,
  sources: readonly StateDict[],
  buffers: readonly Float32Array[],
): Promise<Float32Array[]> {
  return Promise.all(sources.map(async (source, i) => {
    const buffer = buffers[i];
    if (!buffer || !source.readInto) return await source.read(name, begin, end);
    const target = buffer.subarray(0, end - begin);
    await source.readInto(name, begin, end, target);
    return target;
  }));
}

/**
 * Runs in this thread: while one chunk is computed, the next is being read.
 *
 * @param largest Elements of the largest chunk.
 */
export function localExecutor(
  context: ChunkContext,
  largest: number,
): Executor {
  const parallel = 2;
  // WebAssembly and WebGPU copy what they are given; the others keep it.
  const copies = ["wasm", "webgpu", "tensorflow"].includes(tf.getBackend());
  const buffers = Array.from(
    { length: parallel },
    () => copies ? context.sources.map(() => new Float32Array(largest)) : [],
  );
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;
  return {
    parallel,
    async run(chunk) {
      const turn = count++ % parallel;
      const reading = readChunk(chunk, context.sources, buffers[turn]!);
      const before = last;
      const result = (async () => {
        const values = await reading;
        await before;
        const merged = mergeChunk(chunk, values, context);
        const result = await merged.data() as Float32Array;
        merged.dispose();
        checkResult(chunk, result, values, context);
        return result;
      })();
      last = result.catch(() => {}); // its own caller is told
      return await result;
    },
    close: () => {},
  };
}

/** Cuts tensors into chunks, largest work first where tensors stay whole. */
export function chunksOf(
  shapes: ReadonlyMap<string, readonly number[]>,
  depths: ReadonlyMap<string, number>,
  chunkSize: number,
): Chunk[] {
  const chunks: Chunk[] = [];
  for (const [name, shape] of shapes) {
    const size = elementCount(shape);
    const depth = depths.get(name) ?? 0;
    for (let begin = 0; begin < size; begin += chunkSize) {
      const end = Math.min(size, begin + chunkSize);
      chunks.push({ name, shape, begin, end, depth });
    }
  }
  return chunks;
}

import type * as tf from "@tensorflow/tfjs";
import { hasTensorMemory, memoryOf } from "../backend/mod.ts";
import { elementCount } from "../checkpoint/mod.ts";
import {
  checkResult,
  type Chunk,
  type ChunkContext,
  mergeChunk,
} from "./chunk.ts";
import { type ChunkReader, readChunk } from "./chunk_inputs.ts";

/** What is done with a chunk's merged values; they are gone afterwards. */
export type ChunkConsumer = (values: Float32Array) => Promise<void>;

/** Reads and merges chunks, several at a time. */
export interface Executor {
  /** How many chunks may be under way. */
  readonly parallel: number;
  /** How many elements the chunks under way may have, if there are several. */
  readonly elements?: number;
  /** Merges one chunk and hands it on; ends when that has ended. */
  run(chunk: Chunk, consume: ChunkConsumer): Promise<void>;
  /** Ends it. */
  close(): void;
}

/**
 * Elements of all sources that may be read while others are computed: 100 MB.
 * The largest tensors alone are more, and wait for each other.
 */
const ELEMENTS_UNDER_WAY = 25e6;

/**
 * Runs in this thread: while one chunk is computed, the next is being read and
 * the one before written.
 */
export function localExecutor(
  context: ChunkContext,
  read: ChunkReader = readChunk,
): Executor {
  let last: Promise<unknown> = Promise.resolve();
  return {
    elements: ELEMENTS_UNDER_WAY / context.sources.length,
    // Whole tensors are large: of those, none waits to be written.
    parallel: context.bound.method.granularity === "tensor" ? 2 : 3,
    async run(chunk, consume) {
      const reading = read(chunk, context);
      const before = last;
      const merging = (async () => {
        const inputs = await reading;
        try {
          await before;
          const merged = mergeChunk(chunk, inputs, context);
          try {
            const values = await valuesOf(merged);
            checkResult(chunk, values, inputs, context);
            return { merged, values, release: inputs.release };
          } catch (error) {
            merged.dispose();
            throw error;
          }
        } finally {
          inputs.dispose();
        }
      })();
      last = merging.catch(() => {}); // its own caller is told
      const { merged, values, release } = await merging;
      try {
        await consume(values);
      } finally {
        merged.dispose();
        release?.();
      }
    },
    close: () => {},
  };
}

/** A tensor's values, without a copy where that is possible. */
async function valuesOf(tensor: tf.Tensor): Promise<Float32Array> {
  return hasTensorMemory()
    ? memoryOf(tensor)
    : await tensor.data() as Float32Array;
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

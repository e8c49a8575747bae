import * as tf from "@tensorflow/tfjs";
import { emptyTensor, hasTensorMemory, memoryOf } from "../backend/mod.ts";
import type { StateDict } from "../checkpoint/mod.ts";
import type { Chunk, ChunkContext } from "./chunk.ts";
import type { ElementThreads } from "./elements/element_threads.ts";

/** A chunk of every source. */
export interface ChunkInputs {
  /** As tensors: whole ones for `tensor` methods, else of one dimension. */
  readonly tensors: readonly tf.Tensor[];
  /** As numbers, which are to be used at once; can be asked for once. */
  values(): readonly Float32Array[];
  /** Releases the tensors. */
  dispose(): void;
  /** Gives memory back that a result may lie in, once that has been used. */
  release?(): void;
}

/** Reads a chunk of every source. */
export type ChunkReader = (
  chunk: Chunk,
  context: Pick<ChunkContext, "sources" | "bound">,
) => Promise<ChunkInputs>;

/**
 * Reads and looks for NaN and infinity in another thread, while this one
 * computes with TensorFlow's own library.
 */
export function threadReader(threads: ElementThreads): ChunkReader {
  return async (chunk, context) => {
    const { values, release } = await threads.read(chunk);
    const shape = shapeOf(chunk, context);
    const tensors = values.map((data) => tf.tensor(data, shape));
    return {
      tensors,
      values: () => [], // have been looked at
      dispose: () => tf.dispose(tensors),
      // TensorFlow computes with this very memory.
      release,
    };
  };
}

function shapeOf(
  { shape, begin, end }: Chunk,
  { bound }: Pick<ChunkContext, "bound">,
): number[] {
  return bound.method.granularity === "tensor" ? [...shape] : [end - begin];
}

/** Reads in this thread. */
export const readChunk: ChunkReader = async (chunk, context) => {
  const { sources } = context;
  const shape = shapeOf(chunk, context);
  if (hasTensorMemory()) return await readIntoMemory(chunk, shape, sources);
  const { name, begin, end } = chunk;
  let values: readonly Float32Array[] = await Promise.all(
    sources.map((source) => source.read(name, begin, end)),
  );
  const tensors = values.map((data) => tf.tensor(data, shape));
  return {
    tensors,
    values() {
      // TensorFlow has a copy by the time that these have been looked at: they
      // need not take their room, as much again, while a method computes.
      const once = values;
      values = [];
      return once;
    },
    dispose: () => tf.dispose(tensors),
  };
};

/** Reads straight into the backend's memory. */
async function readIntoMemory(
  { name, begin, end }: Chunk,
  shape: readonly number[],
  sources: readonly StateDict[],
): Promise<ChunkInputs> {
  const tensors = sources.map(() => emptyTensor(shape));
  const read = async (source: StateDict, i: number): Promise<void> => {
    for (;;) {
      const target = memoryOf(tensors[i]!);
      if (!source.readInto) {
        const values = await source.read(name, begin, end);
        return memoryOf(tensors[i]!).set(values);
      }
      await source.readInto(name, begin, end, target);
      // Elements that are converted after the memory grew are lost.
      if (target.length > 0) return;
    }
  };
  // Memory may be given back only when nothing is being read into it.
  const results = await Promise.allSettled(sources.map(read));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) {
    tf.dispose(tensors);
    throw failed.reason;
  }
  return {
    tensors,
    values: () => tensors.map(memoryOf),
    dispose: () => tf.dispose(tensors),
  };
}

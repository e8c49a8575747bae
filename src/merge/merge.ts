import * as tf from "@tensorflow/tfjs";
import { elementCount, type StateDict } from "../checkpoint/mod.ts";
import { MethodError } from "../fusion_error.ts";
import type { BoundMethod, MergeInput } from "./method.ts";
import { resolveNumber, tensorDepths } from "./number_parameter.ts";
import { type MergePool, targetTensors } from "./pool.ts";

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
  /** Told after each chunk how many of all elements are merged. */
  onProgress?: (done: number, total: number) => void;
}

/** Elements of a chunk: a few megabytes for a pool of eight. */
export const DEFAULT_CHUNK_SIZE = 1 << 18;

interface Chunk {
  name: string;
  shape: readonly number[];
  begin: number;
  end: number;
}

/**
 * Runs a method over a pool's fusion targets, streamed: while one chunk is
 * computed, the next is read and the last written. Chunked and whole runs give
 * the same numbers.
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
  const { targets = ["convnext"], chunkSize = DEFAULT_CHUNK_SIZE } = options;
  const { method, parameters } = bound;
  checkPool(pool, bound);
  const shapes = targetTensors(pool, targets);
  const facts = await method.prepare?.(pool, parameters, {
    targets: shapes,
    chunkSize,
  });

  const depths = tensorDepths(shapes.keys());
  const modelNames = [...pool.models.keys()];
  const sources = [...pool.models.values()];
  if (pool.pretrained && method.needsPretrained) sources.push(pool.pretrained);
  const read = (chunk: Chunk): Promise<Float32Array[]> =>
    Promise.all(
      sources.map((source) => source.read(chunk.name, chunk.begin, chunk.end)),
    );

  const chunks = chunksOf(
    shapes,
    method.granularity === "tensor" ? Infinity : chunkSize,
  );
  const total = chunks.reduce((sum, { begin, end }) => sum + end - begin, 0);
  let done = 0;
  let writing = Promise.resolve();
  let reading = chunks[0] ? read(chunks[0]) : undefined;
  for (const [i, chunk] of chunks.entries()) {
    const values = await reading!;
    const next = chunks[i + 1];
    reading = next && read(next);
    reading?.catch(() => {}); // awaited, and so reported, in the next round
    if (!options.allowNonfinite) checkFinite(values, sources, chunk);
    const merged = tf.tidy(() => {
      const tensors = values.map((data) =>
        method.granularity === "tensor"
          ? tf.tensor(data, chunk.shape as number[])
          : tf.tensor1d(data)
      );
      const input = inputOf(
        chunk,
        depths.get(chunk.name)!,
        modelNames,
        tensors,
        bound,
      );
      return method.merge(input, parameters, facts);
    });
    const result = await merged.data() as Float32Array;
    merged.dispose();
    await writing;
    writing = sink.write(chunk.name, chunk.begin, result);
    writing.catch(() => {}); // awaited, and so reported, in the next round
    done += chunk.end - chunk.begin;
    options.onProgress?.(done, total);
  }
  await writing;
}

function chunksOf(
  shapes: ReadonlyMap<string, readonly number[]>,
  chunkSize: number,
): Chunk[] {
  const chunks: Chunk[] = [];
  for (const [name, shape] of shapes) {
    const size = elementCount(shape);
    for (let begin = 0; begin < size; begin += chunkSize) {
      chunks.push({
        name,
        shape,
        begin,
        end: Math.min(size, begin + chunkSize),
      });
    }
  }
  return chunks;
}

function inputOf(
  chunk: Chunk,
  depth: number,
  modelNames: readonly string[],
  tensors: readonly tf.Tensor[],
  { name: methodName }: BoundMethod,
): MergeInput {
  const pretrained = tensors[modelNames.length];
  return {
    name: chunk.name,
    shape: chunk.shape,
    begin: chunk.begin,
    modelNames,
    hasPretrained: pretrained !== undefined,
    get pretrained(): tf.Tensor {
      if (pretrained) return pretrained;
      throw missingPretrained(methodName);
    },
    models: tensors.slice(0, modelNames.length),
    number: (parameter, model) =>
      resolveNumber(parameter, { tensor: chunk.name, depth, model }),
  };
}

function missingPretrained(method: string): MethodError {
  return new MethodError(
    `method ${method}: the model pool has no _pretrained_, expected the experts' common ancestor under that name`,
  );
}

function checkPool(pool: MergePool, { name, method, parameters }: BoundMethod) {
  if (method.needsPretrained && !pool.pretrained) throw missingPretrained(name);
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

function checkFinite(
  values: readonly Float32Array[],
  sources: readonly StateDict[],
  chunk: Chunk,
): void {
  for (const [i, data] of values.entries()) {
    // 0 * x is 0 for finite x and NaN otherwise; a sum is cheaper than a
    // branch for each element.
    let sum = 0;
    for (let j = 0; j < data.length; j++) sum += 0 * data[j]!;
    if (sum === 0) continue;
    const at = data.findIndex((value) => !Number.isFinite(value));
    throw new MethodError(
      `${sources[i]!.source}: tensor ${chunk.name} holds ${
        data[at]
      } at element ${
        chunk.begin + at
      }, expected finite numbers (allow_nonfinite=true merges all the same)`,
    );
  }
}

import { elementCount } from "../checkpoint/mod.ts";
import type { PrepareContext } from "./method.ts";
import {
  type NumberParameter,
  resolveNumber,
  tensorDepths,
} from "./number_parameter.ts";
import type { MergePool } from "./pool.ts";

/** The same elements of every expert's task vector. */
export interface TaskVectorChunk {
  /** The tensor's name. */
  readonly name: string;
  /** Index of the first element in the flattened tensor. */
  readonly begin: number;
  /** Names of the models, in the order of `deltas`. */
  readonly modelNames: readonly string[];
  /**
   * Expert minus pretrained, for each model. They are overwritten when the
   * next chunk is asked for.
   */
  readonly deltas: readonly Float32Array[];
  /** A parameter's value for this tensor of a model. */
  number(parameter: NumberParameter, model?: string): number;
}

/** What a pass reads: chunks of the fusion targets, without some tensors. */
export interface TaskVectorPassOptions {
  /** Tensors that the pass leaves out. @default {[]} */
  except?: readonly string[];
}

/**
 * One pass over all task vectors, in chunks, each file read once. The next
 * chunk is read while the caller works on this one.
 *
 * @param pool A pool that has `pretrained`.
 */
export async function* taskVectorPass(
  pool: MergePool,
  { targets, chunkSize }: PrepareContext,
  { except = [] }: TaskVectorPassOptions = {},
): AsyncGenerator<TaskVectorChunk> {
  const pretrained = pool.pretrained!;
  const models = [...pool.models.values()];
  const modelNames = [...pool.models.keys()];
  const depths = tensorDepths(targets.keys());
  const chunks: { name: string; begin: number; end: number }[] = [];
  let longest = 0;
  for (const [name, shape] of targets) {
    if (except.includes(name)) continue;
    const size = elementCount(shape);
    for (let begin = 0; begin < size; begin += chunkSize) {
      const end = Math.min(size, begin + chunkSize);
      chunks.push({ name, begin, end });
      longest = Math.max(longest, end - begin);
    }
  }
  const buffers = models.map(() => new Float32Array(longest));
  const read = (at: number): Promise<Float32Array[]> | undefined => {
    const chunk = chunks[at];
    if (!chunk) return undefined;
    const { name, begin, end } = chunk;
    const reading = Promise.all(
      [pretrained, ...models].map((source) => source.read(name, begin, end)),
    );
    reading.catch(() => {}); // awaited, and so reported, in its turn
    return reading;
  };
  let reading = read(0);
  for (const [i, { name, begin, end }] of chunks.entries()) {
    const [start, ...values] = await reading!;
    reading = read(i + 1);
    const deltas = values.map((value, t) =>
      subtract(value, start!, buffers[t]!.subarray(0, end - begin))
    );
    yield {
      name,
      begin,
      modelNames,
      deltas,
      number: (parameter, model) =>
        resolveNumber(parameter, {
          tensor: name,
          depth: depths.get(name)!,
          model,
        }),
    };
  }
}

function subtract(
  a: Float32Array,
  b: Float32Array,
  difference: Float32Array,
): Float32Array {
  for (let i = 0; i < difference.length; i++) difference[i] = a[i]! - b[i]!;
  return difference;
}

import { elementCount } from "../checkpoint/mod.ts";
import { MethodError } from "../fusion_error.ts";
import { ElementMemory } from "./elements/element_memory.ts";
import type { ElementPasses } from "./elements/element_passes.ts";
import {
  ALL_MAGNITUDES,
  bracketOfSample,
} from "./elements/magnitude_bracket.ts";
import type { ElementRange } from "./elements/protocol.ts";
import { SCRATCH_ROWS, trimmedTotal } from "./elements/run_plan.ts";
import { countInPasses, kthMagnitudes } from "./kth_value.ts";
import type { PrepareContext } from "./method.ts";
import { type NumberParameter, resolveNumber } from "./number_parameter.ts";
import type { MergePool } from "./pool.ts";
import { type TaskVectorChunk, taskVectorPass } from "./task_vector_pass.ts";

/** What TIES must know of whole task vectors. */
export interface TiesFacts {
  /** Smallest magnitude that each model keeps. */
  readonly thresholds: readonly number[];
  /** Sign of most elements: it decides where the values cancel exactly. */
  readonly majoritySign: number;
}

/** The parameters that {@linkcode findTiesFacts} reads. */
export interface TiesParameters {
  /** Elements that each model keeps: a share up to 1, a percentage above. */
  readonly threshold: NumberParameter;
  /** Tensors that take no part. */
  readonly remove_keys: readonly string[];
}

/**
 * Finds TIES' thresholds and its majority sign in three passes over the task
 * vectors of all fusion targets.
 *
 * @param change Changes a chunk of the task vectors in place, the same way in
 * each pass.
 * @throws {MethodError} If the threshold varies over depth or by tensor.
 */
export async function findTiesFacts(
  pool: MergePool,
  { threshold, remove_keys: except }: TiesParameters,
  context: PrepareContext,
  change?: (chunk: TaskVectorChunk) => void,
): Promise<TiesFacts> {
  let size = 0;
  for (const [name, shape] of context.targets) {
    if (!except.includes(name)) size += elementCount(shape);
  }
  const ranks = [...pool.models.keys()].map((model) =>
    size - Math.floor(size * keptShare(threshold, model))
  );
  if (context.threads && !change) {
    const ranges = rangesOf(context, except);
    return await findInThreads(context.threads, ranges, ranks, size);
  }
  const pass = async function* (): AsyncGenerator<readonly Float32Array[]> {
    for await (const chunk of taskVectorPass(pool, context, { except })) {
      change?.(chunk);
      yield chunk.deltas;
    }
  };
  const thresholds = await kthMagnitudes(ranks, countInPasses(pass));
  let signs = 0;
  for await (const rows of pass()) signs += sumOfSigns(rows, thresholds);
  return { thresholds, majoritySign: Math.sign(signs) };
}

/** FusionBench reads a threshold above 1 as a percentage. */
function keptShare(threshold: NumberParameter, model: string): number {
  if (Array.isArray(threshold)) {
    throw new MethodError(
      `threshold is ${
        JSON.stringify(threshold)
      }: it counts over a whole model, expected one number or one by model`,
    );
  }
  const value = resolveNumber(threshold, { tensor: "", depth: 0, model });
  return value > 1 ? value / 100 : value;
}

function sumOfSigns(
  values: readonly Float32Array[],
  thresholds: readonly number[],
): number {
  const [models, length] = [values.length, values[0]!.length];
  const memory = new ElementMemory(models + 1 + SCRATCH_ROWS, length);
  for (const [row, data] of values.entries()) {
    memory.values(row, length).set(data);
  }
  const total = trimmedTotal(memory, thresholds, { models, length });
  return memory.program.sumOfSigns(
    memory.address(total),
    memory.end(total, length),
  );
}

/** Elements of a sample's pieces: as many as are near each other in a file. */
const SAMPLE_PIECE = 512;
/** Pieces of a sample. */
const SAMPLE_PIECES = 2048;
/**
 * How far from its rank in the sample an element's rank among all may be: a
 * wrong guess costs one more pass, a larger margin some time in this one.
 */
const SAMPLE_MARGIN = 0.005;

async function findInThreads(
  threads: ElementPasses,
  ranges: readonly ElementRange[],
  ranks: readonly number[],
  size: number,
): Promise<TiesFacts> {
  const sample = await threads.count(
    sampleOf(ranges, Math.ceil(size / SAMPLE_PIECES)),
    ranks.map(() => ALL_MAGNITUDES),
  );
  const thresholds = await kthMagnitudes(
    ranks,
    (brackets) => threads.count(ranges, brackets),
    ranks.map((rank, t) =>
      bracketOfSample(rank / size, SAMPLE_MARGIN, sample[t]!)
    ),
  );
  const signs = await threads.signs(ranges, thresholds);
  return { thresholds, majoritySign: Math.sign(signs) };
}

/** The first elements of each stretch. */
function sampleOf(
  ranges: readonly ElementRange[],
  stretch: number,
): ElementRange[] {
  return ranges.flatMap(({ name, begin: first, end }) => {
    const pieces: ElementRange[] = [];
    for (let begin = first; begin < end; begin += stretch) {
      pieces.push({ name, begin, end: Math.min(end, begin + SAMPLE_PIECE) });
    }
    return pieces;
  });
}

function rangesOf(
  { targets, chunkSize }: PrepareContext,
  except: readonly string[],
): ElementRange[] {
  const ranges: ElementRange[] = [];
  for (const [name, shape] of targets) {
    if (except.includes(name)) continue;
    const size = elementCount(shape);
    for (let begin = 0; begin < size; begin += chunkSize) {
      ranges.push({ name, begin, end: Math.min(size, begin + chunkSize) });
    }
  }
  return ranges;
}

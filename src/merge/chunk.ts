import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../checkpoint/mod.ts";
import { MethodError } from "../fusion_error.ts";
import type { BoundMethod, MergeInput } from "./method.ts";
import type { ChunkInputs } from "./chunk_inputs.ts";
import { resolveNumber } from "./number_parameter.ts";

/** A piece of work: a tensor, or some elements of one. */
export interface Chunk {
  /** The tensor's name. */
  readonly name: string;
  /** The whole tensor's shape. */
  readonly shape: readonly number[];
  /** First element of the flattened tensor. */
  readonly begin: number;
  /** One past the last element. */
  readonly end: number;
  /** The tensor's place in the model, 0 to 1. */
  readonly depth: number;
}

/** What every chunk of a merge has in common. */
export interface ChunkContext {
  /** The method with its parameters. */
  readonly bound: BoundMethod;
  /** What its `prepare` found. */
  readonly facts: unknown;
  /** The experts' names. */
  readonly modelNames: readonly string[];
  /** The experts, then `_pretrained_` if the method looks at it. */
  readonly sources: readonly StateDict[];
  /** Goes on when a source holds NaN or infinity. */
  readonly allowNonfinite: boolean;
}

/**
 * Merges one chunk.
 *
 * @param inputs The sources' elements of the chunk, in the sources' order.
 * @throws {MethodError} If a source holds NaN or infinity.
 */
export function mergeChunk(
  chunk: Chunk,
  { tensors, values }: ChunkInputs,
  context: ChunkContext,
): tf.Tensor {
  const { bound, facts, allowNonfinite } = context;
  const { method, parameters } = bound;
  if (!allowNonfinite && !method.propagatesNonfinite) {
    checkFinite(chunk, values(), context);
  }
  return tf.tidy(() => {
    const input = inputOf(chunk, tensors, context);
    const merged = method.merge(input, parameters, facts);
    // A method may give one of its inputs back, which is disposed of before the
    // result has been used: a clone has the same values and a life of its own.
    return tensors.includes(merged) ? tf.clone(merged) : merged;
  });
}

/**
 * Checks what a method gave that passes NaN and infinity on: looking at the
 * result is cheaper than looking at every source.
 *
 * @throws {MethodError} If a source holds NaN or infinity.
 */
export function checkResult(
  chunk: Chunk,
  result: Float32Array,
  { values }: ChunkInputs,
  context: ChunkContext,
): void {
  const { allowNonfinite, bound } = context;
  if (allowNonfinite || !bound.method.propagatesNonfinite) return;
  if (!isFinite(result)) checkFinite(chunk, values(), context);
}

function inputOf(
  chunk: Chunk,
  tensors: readonly tf.Tensor[],
  { modelNames, bound }: ChunkContext,
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
      throw missingPretrained(bound.name);
    },
    models: tensors.slice(0, modelNames.length),
    number: (parameter, model) =>
      resolveNumber(parameter, {
        tensor: chunk.name,
        depth: chunk.depth,
        model,
      }),
  };
}

/** The error of a method that needs a `_pretrained_` which is not there. */
export function missingPretrained(method: string): MethodError {
  return new MethodError(
    `method ${method}: the model pool has no _pretrained_, expected the experts' common ancestor under that name`,
  );
}

function checkFinite(
  chunk: Chunk,
  values: readonly Float32Array[],
  { sources }: ChunkContext,
): void {
  for (const [i, data] of values.entries()) {
    if (isFinite(data)) continue;
    throw nonfinite(
      sources[i]!,
      chunk,
      data,
      " (allow_nonfinite=true merges all the same)",
    );
  }
}

/**
 * The error of a source that holds NaN or infinity.
 *
 * @param data The source's elements of the chunk.
 * @param hint What to do about it, for the end of the message.
 */
export function nonfinite(
  { source }: StateDict,
  { name, begin }: Pick<Chunk, "name" | "begin">,
  data: Float32Array,
  hint: string = "",
): MethodError {
  const at = data.findIndex((value) => !Number.isFinite(value));
  return new MethodError(
    `${source}: tensor ${name} holds ${data[at]} at element ${
      begin + at
    }, expected finite numbers${hint}`,
  );
}

/**
 * Whether all numbers are finite: 0 * x is 0 then, and NaN otherwise. Four sums
 * that do not wait for each other are several times faster than one, or than a
 * branch for each number.
 */
export function isFinite(data: Float32Array): boolean {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const whole = data.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += 0 * data[i]!;
    b += 0 * data[i + 1]!;
    c += 0 * data[i + 2]!;
    d += 0 * data[i + 3]!;
  }
  for (let i = whole; i < data.length; i++) a += 0 * data[i]!;
  return a + b + c + d === 0;
}

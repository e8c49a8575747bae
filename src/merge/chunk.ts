import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../checkpoint/mod.ts";
import { checkFinite, isFinite, NONFINITE_HINT } from "./check_finite.ts";
import { MethodError } from "../fusion_error.ts";
import type { BoundMethod, MergeInput, PlanInput } from "./method.ts";
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
    checkSources(chunk, values(), context);
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
  if (!isFinite(result)) checkSources(chunk, values(), context);
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
    number: numberOf(chunk),
  };
}

/** Parameters' values for a chunk. */
export function numberOf({ name, depth }: Chunk): PlanInput["number"] {
  return (parameter, model) =>
    resolveNumber(parameter, { tensor: name, depth, model });
}

/** The error of a method that needs a `_pretrained_` which is not there. */
export function missingPretrained(method: string): MethodError {
  return new MethodError(
    `method ${method}: the model pool has no _pretrained_, expected the experts' common ancestor under that name`,
  );
}

function checkSources(
  { name, begin }: Chunk,
  values: readonly Float32Array[],
  { sources }: ChunkContext,
): void {
  for (const [i, data] of values.entries()) {
    const { source } = sources[i]!;
    checkFinite(data, { source, tensor: name, begin }, NONFINITE_HINT);
  }
}

import * as tf from "@tensorflow/tfjs";
import { elementCount } from "../checkpoint/mod.ts";
import { packMask } from "../convnext/mod.ts";
import { missingPretrained } from "./chunk.ts";
import { DEFAULT_CHUNK_SIZE, type MergeOptions } from "./merge.ts";
import type { BoundMethod, PrepareContext } from "./method.ts";
import type { NumberParameter } from "./number_parameter.ts";
import { type MergePool, targetTensors } from "./pool.ts";
import { taskVectorPass } from "./task_vector_pass.ts";

/** What a method sees of the task vectors when it masks a chunk. */
export interface TaskMaskInput {
  /** The tensor's Hugging Face name. */
  readonly name: string;
  /** Names of the models, in the order of `deltas`. */
  readonly modelNames: readonly string[];
  /** Expert minus pretrained, for each model: [elements]. */
  readonly deltas: readonly tf.Tensor[];
  /** A parameter's value for this tensor of a model. */
  number(parameter: NumberParameter, model?: string): number;
}

/**
 * How a method gives each task its own backbone back from the merged one:
 * pretrained + scale * mask * (merged - pretrained).
 *
 * @typeParam P The method's parameters.
 */
export interface TaskMaskRule<P> {
  /** For each model, what its mask keeps of a chunk; runs inside `tf.tidy`. */
  masks(input: TaskMaskInput, parameters: P): readonly tf.Tensor[];
  /** For each model, what it multiplies. @default all 1 */
  scales?(
    pool: MergePool,
    parameters: P,
    context: PrepareContext,
  ): Promise<readonly number[]>;
}

/** Where masks go, chunk by chunk. */
export interface TaskMaskSink {
  /** Takes bytes, eight elements each, of a task's mask of a tensor. */
  write(
    task: string,
    name: string,
    firstByte: number,
    bytes: Float32Array,
  ): Promise<void>;
}

/**
 * Finds every task's mask in a pass over the pool, streamed: what a method with
 * `taskMasks` needs besides `mergePool`.
 *
 * @param bound A method that has `taskMasks`.
 * @returns Each task's scale.
 * @throws {MethodError} If the pool has no `_pretrained_`.
 * @throws {ModelPoolError} If the models' tensors do not fit each other.
 */
export async function findTaskMasks(
  pool: MergePool,
  { name: methodName, method, parameters }: BoundMethod,
  sink: TaskMaskSink,
  options: MergeOptions = {},
): Promise<Map<string, number>> {
  const { targets = ["convnext"], chunkSize = DEFAULT_CHUNK_SIZE } = options;
  const rule = method.taskMasks!;
  if (!pool.pretrained) throw missingPretrained(methodName);
  const shapes = targetTensors(pool, targets);
  // No byte may lie in two chunks.
  const context = { targets: shapes, chunkSize: Math.ceil(chunkSize / 8) * 8 };
  const scales = await rule.scales?.(pool, parameters, context);
  let total = 0;
  for (const shape of shapes.values()) total += elementCount(shape);
  let done = 0;
  for await (const chunk of taskVectorPass(pool, context)) {
    const { name, begin, modelNames, deltas, number } = chunk;
    const masks = tf.tidy(() =>
      rule.masks({
        name,
        modelNames,
        deltas: deltas.map((delta) => tf.tensor1d(delta)),
        number,
      }, parameters).map((mask) => tf.cast(mask, "bool"))
    );
    for (const [i, mask] of masks.entries()) {
      const bytes = packMask(await mask.data());
      await sink.write(modelNames[i]!, name, begin / 8, bytes);
    }
    tf.dispose(masks);
    done += deltas[0]!.length;
    options.onProgress?.(done, total);
  }
  return new Map(
    [...pool.models.keys()].map((task, i) => [task, scales?.[i] ?? 1]),
  );
}

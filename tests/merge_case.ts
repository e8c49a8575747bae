import { memoryStateDict, openCheckpoint } from "../src/checkpoint/mod.ts";
import type { StateDict } from "../src/checkpoint/mod.ts";
import { closePool, mergeInMemory, type MergePool } from "../src/merge/mod.ts";
import { loadMethod } from "../src/method/mod.ts";
import { dataPath, mergeDifference } from "./reference.ts";
import { testBackend } from "./test_backend.ts";

const MICRO_POOL = "tests/data/micro_pool";

/** What of the micro pool is merged, and how. */
export interface MergeMicroOptions {
  /** Names of the experts, in this order. */
  models?: readonly string[];
  /** Elements of a chunk, for `element` methods. */
  chunkSize?: number;
  /** Elements of all models from which on there are threads. */
  threadsFrom?: number;
  /** Whether `pretrained` is the pool's `_pretrained_`. @default {true} */
  hasPretrained?: boolean;
}

/** Opens the micro pool: `pretrained` and the experts named. */
export async function openMicroPool(
  models: readonly string[] = ["alpha", "beta", "gamma"],
): Promise<Required<Pick<MergePool, "pretrained" | "models">>> {
  const open = (name: string): Promise<StateDict> =>
    openCheckpoint(dataPath(`${MICRO_POOL}/${name}`));
  return {
    pretrained: await open("pretrained"),
    models: new Map(
      await Promise.all(
        models.map(async (name) => [name, await open(name)] as const),
      ),
    ),
  };
}

/** Merges the micro pool with a method, into memory. */
export async function mergeMicro(
  method: string,
  parameters: Readonly<Record<string, unknown>> = {},
  { models, hasPretrained = true, ...options }: MergeMicroOptions = {},
): Promise<StateDict> {
  await testBackend();
  const pool = await openMicroPool(models);
  try {
    return await mergeInMemory(
      hasPretrained ? pool : { models: pool.models },
      await loadMethod(method, parameters),
      options,
    );
  } finally {
    closePool(pool);
  }
}

/**
 * How far a merge of the micro pool is from `golden/merge/NAME.safetensors`,
 * the worse of a run in chunks of 1,000 elements and a whole one.
 */
export async function microDifference(
  golden: string,
  method: string,
  parameters: Readonly<Record<string, unknown>> = {},
  models?: readonly string[],
  { hasPretrained = true }: Pick<MergeMicroOptions, "hasPretrained"> = {},
): Promise<number> {
  const expected = await openCheckpoint(
    dataPath(`tests/data/golden/merge/${golden}.safetensors`),
  );
  const { pretrained } = await openMicroPool([]);
  let worst = 0;
  for (const chunkSize of [1000, 1 << 30]) {
    const merged = await mergeMicro(method, parameters, {
      ...(models && { models }),
      chunkSize,
      hasPretrained,
    });
    const { difference } = await mergeDifference(merged, expected, pretrained);
    if (!(difference <= worst)) worst = difference;
  }
  expected.close();
  pretrained.close();
  return worst;
}

/** Tensors of a {@linkcode mergeTiny} case, by name; all one-dimensional. */
export type TinyTensors = Readonly<Record<string, readonly number[]>>;

/** A hand-worked case: models of a few numbers each. */
export interface TinyPool {
  /** The common ancestor. */
  pretrained?: TinyTensors;
  /** The experts by name. */
  models: Readonly<Record<string, TinyTensors>>;
  /** Shapes of the tensors that are not one-dimensional. */
  shapes?: Readonly<Record<string, readonly number[]>>;
  /** Elements of a chunk, for `element` methods. */
  chunkSize?: number;
}

/**
 * Merges models of a few numbers each. The fusion targets are all tensors:
 * names are given without `convnext.`.
 */
export async function mergeTiny(
  method: string,
  parameters: Readonly<Record<string, unknown>>,
  { pretrained, models, shapes = {}, chunkSize = 1 << 18 }: TinyPool,
): Promise<Record<string, number[]>> {
  await testBackend();
  const state = (name: string, tensors: TinyTensors): StateDict =>
    memoryStateDict(
      new Map(
        Object.entries(tensors).map(([tensor, values]) => [
          `convnext.${tensor}`,
          {
            shape: shapes[tensor] ?? [values.length],
            data: Float32Array.from(values),
          },
        ]),
      ),
      name,
    );
  const merged = await mergeInMemory(
    {
      ...(pretrained && { pretrained: state("_pretrained_", pretrained) }),
      models: new Map(
        Object.entries(models).map((
          [name, tensors],
        ) => [name, state(name, tensors)]),
      ),
    },
    await loadMethod(method, parameters),
    { chunkSize },
  );
  const result: Record<string, number[]> = {};
  for (const name of merged.names) {
    result[name.slice("convnext.".length)] = [...await merged.read(name)];
  }
  return result;
}

import type { StateDict } from "../checkpoint/mod.ts";
import { ModelPoolError } from "../fusion_error.ts";
import type { PoolData } from "./pool_data.ts";

/** The state dicts that a method merges: open, nothing loaded. */
export interface MergePool {
  /** The common ancestor, if the pool has one. */
  readonly pretrained?: StateDict;
  /** The experts by name. */
  readonly models: ReadonlyMap<string, StateDict>;
  /** Images and whole models, for methods that look at them. */
  readonly data?: PoolData;
}

/** The state dict whose head and non-target tensors a merge keeps. */
export function baseOf(pool: MergePool): StateDict {
  const base = pool.pretrained ?? pool.models.values().next().value;
  if (base) return base;
  throw new ModelPoolError("the model pool is empty, expected models to merge");
}

/** Releases the pool's files. */
export function closePool(pool: MergePool): void {
  pool.pretrained?.close();
  for (const model of pool.models.values()) model.close();
}

/** Whole numbers, whose mixtures would be none. */
const NOT_MERGED: readonly string[] = ["I64", "I32", "U8", "BOOL"];

/** @throws {ModelPoolError} If a tensor's elements are whole numbers. */
function checkElements(model: StateDict, names: Iterable<string>): void {
  for (const name of names) {
    const { dtype } = model.info(name);
    if (!NOT_MERGED.includes(dtype)) continue;
    throw new ModelPoolError(
      `${model.source}: tensor ${name} has elements of type ${dtype}, expected F32, F16, BF16 or F64: whole numbers cannot be merged`,
    );
  }
}

/**
 * Names and shapes of the tensors that merging may change.
 *
 * @param targets Layers flagged as fusion targets, such as `["convnext"]`.
 * @throws {ModelPoolError} If the models do not have the same tensors there;
 * the message names the tensor and both shapes. Or if elements are no floats.
 */
export function targetTensors(
  pool: MergePool,
  targets: readonly string[],
): Map<string, readonly number[]> {
  const base = baseOf(pool);
  const isTarget = (name: string): boolean =>
    targets.some((target) => name.startsWith(`${target}.`));
  const shapes = new Map(
    base.names.filter(isTarget).map((name) => [name, base.info(name).shape]),
  );
  if (shapes.size === 0) {
    throw new ModelPoolError(
      `${base.source}: no tensor of the fusion targets ${
        targets.join(", ")
      }, expected names such as ${targets[0]}.…`,
    );
  }
  checkElements(base, shapes.keys());
  for (const [model, stateDict] of pool.models) {
    if (stateDict === base) continue;
    const names = new Set(stateDict.names.filter(isTarget));
    for (const [name, shape] of shapes) {
      if (!names.delete(name)) {
        throw new ModelPoolError(
          `model ${model} (${stateDict.source}): tensor ${name} is missing, ${base.source} has it with shape [${shape}]`,
        );
      }
      const found = stateDict.info(name).shape;
      if (`${found}` !== `${shape}`) {
        throw new ModelPoolError(
          `model ${model} (${stateDict.source}): tensor ${name} has shape [${found}], ${base.source} has [${shape}]: only models of one architecture and size can be merged`,
        );
      }
    }
    for (const name of names) {
      throw new ModelPoolError(
        `model ${model} (${stateDict.source}): tensor ${name} of shape [${
          stateDict.info(name).shape
        }] is not in ${base.source}`,
      );
    }
    checkElements(stateDict, shapes.keys());
  }
  return shapes;
}

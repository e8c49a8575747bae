import { ConfigError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import { presetIndex } from "./preset_index.ts";

/** The model pools that a `_target_` can name. */
export const MODEL_POOL_TARGETS = [
  "ConvNextForImageClassificationPool",
  "BaseModelPool",
] as const;

/** The task pools that a `_target_` can name. */
export const TASK_POOL_TARGETS = [
  "ImageClassificationTaskPool",
  "DummyTaskPool",
] as const;

/** A model pool's class name. */
export type ModelPoolTarget = typeof MODEL_POOL_TARGETS[number];

/** A task pool's class name. */
export type TaskPoolTarget = typeof TASK_POOL_TARGETS[number];

/**
 * The class that a dotted name means, whatever module it is said to be in:
 * `fusion_bench.modelpool.ConvNextForImageClassificationPool` and the bare
 * class name are the same.
 *
 * @throws {ConfigError} If it is none of the classes; suggests the nearest.
 */
export function resolveTarget<Target extends string>(
  target: string,
  classes: readonly Target[],
  where: string,
): Target {
  const name = lastPart(target);
  const found = classes.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  throw unknownTarget(target, classes, where);
}

/**
 * The method that a dotted name means: its path under `config/method` and
 * `src/method`, such as `linear/weighted_average`.
 *
 * @throws {ConfigError} If no method has it; suggests the nearest.
 */
export async function resolveMethodTarget(
  target: string,
  where: string,
): Promise<string> {
  const { targets } = await presetIndex();
  const name = lastPart(target);
  const found = targets[target] ??
    Object.entries(targets).find(([known]) => lastPart(known) === name)?.[1];
  if (found !== undefined) return found.replace(/^method\//, "");
  throw unknownTarget(target, Object.keys(targets).map(lastPart), where);
}

function unknownTarget(
  target: string,
  classes: readonly string[],
  where: string,
): ConfigError {
  const suggestion = nearest(lastPart(target), classes);
  return new ConfigError(
    `${where} is ${target}, which this module does not have, ${
      suggestion === undefined
        ? classes.length > 4
          ? "expected a method that `fusion list` prints"
          : `expected ${classes.join(" or ")}`
        : `did you mean ${suggestion}?`
    }`,
  );
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

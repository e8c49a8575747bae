import { shown } from "../checkpoint/mod.ts";
import { ConfigError } from "../fusion_error.ts";
import type { FineTuneOptions } from "./fine_tune_options.ts";

/** Options that do not change which weights come out. */
const FREE = new Set([
  "processor",
  "log_dir",
  "resume",
  "recipe",
  "saveModel",
  "onStep",
  "state_interval",
]);

/** What must be the same for a stopped run to go on to the same weights. */
export function recipeOf(options: FineTuneOptions): Record<string, unknown> {
  const { train, val, recipe, processor, ...rest } = options;
  const plain = Object.fromEntries(
    Object.entries(rest).filter(([key, value]) =>
      !FREE.has(key) && value !== undefined && value !== null
    ),
  );
  const set = (dataset: typeof val) =>
    dataset && { name: dataset.name, images: dataset.length };
  return JSON.parse(JSON.stringify({
    ...recipe,
    ...plain,
    train: set(train),
    val: set(val),
    processor: processor.toConfig(),
  }));
}

/**
 * Checks that a run may go on.
 *
 * @throws {ConfigError} If it was begun with another recipe: names the key.
 */
export function checkRecipe(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
  folder: string,
): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [was, is] = [before[key], now[key]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    throw new ConfigError(
      `${folder}: its training was begun with ${key} ${
        was === undefined ? "not given" : shown(was)
      }, found ${
        is === undefined ? "none" : shown(is)
      }, expected the same (resume=false begins a new one)`,
    );
  }
}

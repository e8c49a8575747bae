import { ConfigError } from "../fusion_error.ts";
import type { Composition } from "./compose.ts";
import { PRESET_ROOT, presetIndex } from "./preset_index.ts";
import { resolveMethodTarget, resolveTarget } from "./targets.ts";
import { type ConfigObject, isConfigObject } from "./value.ts";

/** Turns a pool's dotted `_target_` into its class name, in place. */
export function normalizePool(
  values: ConfigObject,
  group: string,
  classes: readonly string[],
  where: (path: string) => string,
): void {
  const pool = values[group];
  if (!isConfigObject(pool) || typeof pool["_target_"] !== "string") return;
  const key = `${group}._target_`;
  pool["_target_"] = resolveTarget(
    pool["_target_"],
    classes,
    `${where(key)}: ${key}`,
  );
}

/** A method's path and parameters, from its preset or its `_target_`. */
export async function methodOf(
  content: ConfigObject,
  { chosen, where }: Composition,
): Promise<ConfigObject> {
  const { _target_: target, ...parameters } = content;
  const file = chosen.get("method");
  const { method: presets } = await presetIndex();
  if (
    file?.root.href === PRESET_ROOT.href && file.group === "method" &&
    presets.includes(file.name)
  ) {
    return { path: file.name, parameters };
  }
  const origin = where("method._target_");
  if (typeof target === "string") {
    const path = await resolveMethodTarget(
      target,
      `${origin}: method._target_`,
    );
    return { path, parameters };
  }
  // A copy of a preset, or a method of the user's, in a folder like ours.
  if (file && presets.includes(file.name)) {
    return { path: file.name, parameters };
  }
  throw new ConfigError(
    `${
      where("method")
    }: method._target_: missing, expected a method's name, such as SimpleAverageAlgorithm`,
  );
}

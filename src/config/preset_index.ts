import { fromFileUrl, relative, toFileUrl } from "@std/path";

/** The groups of presets: the folders under `config/`. */
export const PRESET_GROUPS = [
  "method",
  "modelpool",
  "taskpool",
  "dataset",
] as const;

/** A group of presets. */
export type PresetGroup = typeof PRESET_GROUPS[number];

/** Which presets there are. */
export interface PresetIndex {
  /** Names of methods, such as `linear/weighted_average`. */
  method: string[];
  /** Names of model pools. */
  modelpool: string[];
  /** Names of task pools. */
  taskpool: string[];
  /** Names of data sets, such as `image_classification/test/mnist`. */
  dataset: string[];
  /** Each method's `_target_` and the preset that has it. */
  targets: Record<string, string>;
}

/** Where this module's presets lie: a folder of a checkout, or of JSR. */
export const PRESET_ROOT: URL = new URL("../../config/", import.meta.url);

let index: Promise<PresetIndex> | undefined;

/**
 * The presets of this module: its folder's listing, or `config/index.json`
 * where the module came over https, which has no listings.
 */
export function presetIndex(): Promise<PresetIndex> {
  return index ??= PRESET_ROOT.protocol === "file:"
    ? buildPresetIndex(fromFileUrl(PRESET_ROOT))
    : readIndex();
}

async function readIndex(): Promise<PresetIndex> {
  const response = await fetch(new URL("index.json", PRESET_ROOT));
  return await response.json();
}

/**
 * Lists the presets in a config folder, sorted by code point. The publish
 * script writes the result to `config/index.json`.
 *
 * @param configDir The folder that holds `method/`, `modelpool/`, ….
 */
export async function buildPresetIndex(
  configDir: string,
): Promise<PresetIndex> {
  const root = toFileUrl(configDir.replace(/[/\\]*$/, "/"));
  const result: PresetIndex = {
    method: [],
    modelpool: [],
    taskpool: [],
    dataset: [],
    targets: {},
  };
  for (const group of PRESET_GROUPS) {
    const folder = fromFileUrl(new URL(`${group}/`, root));
    for await (const file of yamlFiles(folder)) {
      result[group].push(
        relative(folder, file).replaceAll("\\", "/").replace(/\.yaml$/, ""),
      );
    }
    result[group].sort();
  }
  for (const name of result.method) {
    const text = await Deno.readTextFile(new URL(`method/${name}.yaml`, root));
    const target = /^_target_:\s*["']?([\w.]+)/m.exec(text)?.[1];
    if (target) result.targets[target] ??= `method/${name}`;
  }
  return result;
}

async function* yamlFiles(folder: string): AsyncGenerator<string> {
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  for (const entry of entries) {
    const path = `${folder.replace(/[/\\]*$/, "")}/${entry.name}`;
    if (entry.isDirectory) yield* yamlFiles(path);
    else if (entry.name.endsWith(".yaml")) yield path;
  }
}

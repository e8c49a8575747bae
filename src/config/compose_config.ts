import { ConfigError } from "../fusion_error.ts";
import { Composition } from "./compose.ts";
import { applyOverride, type Override, parseOverrides } from "./overrides.ts";
import { PRESET_ROOT, presetIndex } from "./preset_index.ts";
import {
  type EvaluateConfig,
  evaluateConfigSchema,
  type RunConfig,
  runConfigSchema,
} from "./schemas.ts";
import { readInTree, readUserFile } from "./source.ts";
import { MODEL_POOL_TARGETS, TASK_POOL_TARGETS } from "./targets.ts";
import { methodOf, normalizePool } from "./normalize.ts";
import { type Schema, validate } from "./validate.ts";
import {
  type ConfigObject,
  type ConfigValue,
  isConfigObject,
} from "./value.ts";
import { resolveInterpolations } from "./interpolate.ts";

/** FusionBench's keys at the top of a run's file that change nothing here. */
const IGNORED_KEYS = [
  "hydra",
  "fabric",
  "path",
  "_target_",
  "_recursive_",
  "print_function_call",
];

/** The keys whose value is chosen by name: `modelpool=demo`. */
const CHOSEN_GROUPS = ["method", "modelpool", "taskpool"] as const;

/** A config with where it came from. */
export interface ComposedConfig<Config> {
  /** The validated config. */
  config: Config;
  /** The same as plain values, to be printed. */
  values: ConfigObject;
  /** The arguments that are no `key=value`. */
  positional: string[];
  /** Names the file (or the command line) that a key such as `method.t` came from. */
  where: (path: string) => string;
}

/** How {@linkcode composeConfig} begins. */
export interface ComposeConfigOptions {
  /**
   * A YAML file that may have every key of the config and a defaults list, as
   * `config/run.yaml`; `config=FILE` among the arguments says the same.
   */
  configFile?: string | undefined;
}

/**
 * Composes the config of a run from the command line: `method=NAME`,
 * `modelpool=NAME`, `taskpool=NAME` choose presets, files or folders, every
 * other `key=value` changes a value in them.
 *
 * @throws {ConfigError} One line with file, key, what was found and expected.
 */
export function composeRunConfig(
  args: Iterable<string>,
  options: ComposeConfigOptions = {},
): Promise<ComposedConfig<RunConfig>> {
  return composeConfig(args, runConfigSchema, options);
}

/**
 * Composes the config of an evaluation: `model=DIR taskpool=NAME`.
 *
 * @throws {ConfigError} One line with file, key, what was found and expected.
 */
export function composeEvaluateConfig(
  args: Iterable<string>,
  options: ComposeConfigOptions = {},
): Promise<ComposedConfig<EvaluateConfig>> {
  return composeConfig(args, evaluateConfigSchema, options);
}

/**
 * Composes the config of any command from its command line.
 *
 * @param args The arguments after the command.
 * @param schema The command's keys, a strict object of zod; `method`, `modelpool` and `taskpool` are
 * loaded by name where it has them.
 * @throws {ConfigError} One line with file, key, what was found and expected.
 */
export async function composeConfig<Config>(
  args: Iterable<string>,
  schema: Schema<Config>,
  options: ComposeConfigOptions = {},
): Promise<ComposedConfig<Config>> {
  const { overrides, positional } = parseOverrides(args);
  const composition = new Composition();
  composition.setOrigin("", "command line");
  const choices = new Map<string, string | null>();
  for (const group of CHOSEN_GROUPS) {
    const choice = overrides.findLast((override) => chooses(override, group));
    if (choice) {
      choices.set(group, choice.kind === "delete" ? null : textOf(choice));
    }
  }
  const chosenFile = overrides.findLast(isConfigFile);
  const configFile = chosenFile
    ? textOf(chosenFile) ?? undefined
    : options.configFile;
  if (configFile !== undefined) {
    // What the command line chooses is not looked for in the file's list.
    const nothing = new Map([...choices.keys()].map((group) => [group, null]));
    const file = await readUserFile(configFile, "");
    await composition.load(file, [], nothing);
  }
  const { tree } = composition;
  for (const group of CHOSEN_GROUPS) {
    const inFile = tree[group];
    const option = choices.has(group)
      ? choices.get(group)
      : typeof inFile === "string"
      ? inFile
      : undefined;
    if (typeof option === "string") await composition.choose(group, option);
    else if (option === null) delete tree[group];
  }
  for (const override of overrides) {
    if (
      isConfigFile(override) ||
      CHOSEN_GROUPS.some((group) => chooses(override, group))
    ) continue;
    if (override.key.includes("/") || override.package !== undefined) {
      await loadGroup(composition, override);
      continue;
    }
    applyOverride(tree, override);
    if (override.kind !== "delete") {
      composition.setOrigin(override.path.join("."), "command line");
    }
  }
  const { where } = composition;
  const values = resolveInterpolations(tree, where, IGNORED_KEYS);
  checkNothingMissing(values, where, "");
  const plain = structuredClone(values);
  normalizePool(values, "modelpool", MODEL_POOL_TARGETS, where);
  normalizePool(values, "taskpool", TASK_POOL_TARGETS, where);
  await checkRequired(values, schema);
  if (isConfigObject(values["method"])) {
    values["method"] = await methodOf(values["method"], composition);
  }
  const config = validate(schema, values, where);
  return { config, values: plain, positional, where };
}

/** Whether an override chooses what a group is, by name. */
function chooses({ kind, key, value }: Override, group: string): boolean {
  return key === group && (typeof value === "string" || value === null ||
    typeof value === "number" || kind === "delete");
}

/** `config=FILE` names a file with all keys of the run. */
function isConfigFile(override: Override): boolean {
  return chooses(override, "config");
}

function textOf({ value }: Override): string | null {
  return value === null || value === undefined || value === ""
    ? null
    : String(value);
}

/** `dataset/image_classification/test@taskpool.test_datasets=mnist`. */
async function loadGroup(
  composition: Composition,
  { key, path, value, package: target }: Override,
): Promise<void> {
  const group = path.join(".");
  const at = (target ?? group.replaceAll("/", ".")).split(".").filter(Boolean);
  for (const option of Array.isArray(value) ? value : [value]) {
    const file = typeof option === "string"
      ? await readInTree(PRESET_ROOT, group, option)
      : undefined;
    if (!file) {
      throw new ConfigError(
        `command line: ${key}: there is no preset ${group}/${option}, expected a name that \`fusion list\` prints`,
      );
    }
    await composition.load(file, at);
  }
}

function checkNothingMissing(
  value: ConfigValue,
  where: (path: string) => string,
  path: string,
): void {
  if (value === "???") {
    throw new ConfigError(
      `${
        where(path)
      }: ${path}: found ??? (no value yet), expected ${path}=VALUE`,
    );
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    checkNothingMissing(child, where, path === "" ? key : `${path}.${key}`);
  }
}

/** What to write for a key that is missing, where that is no group. */
const REQUIRED: Readonly<Record<string, string>> = {
  model: "model=DIR, a model's folder or repository id",
  input: "input=DIR, a model's folder or repository id",
  output: "output=DIR, the folder to write",
};

/** Which preset shows best what a group's names look like. */
const EXAMPLES: readonly string[] = ["demo", "simple_average"];

/** What is missing is told with what to write, not with a type. */
async function checkRequired(
  values: ConfigObject,
  schema: Schema<unknown>,
): Promise<void> {
  const { shape = {} } = schema as { shape?: Record<string, Schema<unknown>> };
  // A mistyped key explains why the right one is missing: validation tells it.
  if (Object.keys(values).some((key) => !(key in shape))) return;
  const isMissing = (key: string): boolean =>
    key in shape && !values[key] && !shape[key]!.safeParse(undefined).success;
  for (const [key, expected] of Object.entries(REQUIRED)) {
    if (!isMissing(key)) continue;
    throw new ConfigError(
      `command line: ${key}: missing, expected ${expected}`,
    );
  }
  const presets = await presetIndex();
  for (const group of CHOSEN_GROUPS) {
    if (!isMissing(group)) continue;
    throw new ConfigError(
      `command line: ${group}: missing, expected ${group}=NAME, such as ${group}=${
        presets[group].find((name) => EXAMPLES.includes(name)) ??
          presets[group][0]
      }`,
    );
  }
}

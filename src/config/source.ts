import { fromFileUrl, resolve, toFileUrl } from "@std/path";
import { parse } from "@std/yaml";
import { ConfigError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import { isFile, isFolder } from "./folders.ts";
import { PRESET_ROOT, type PresetGroup, presetIndex } from "./preset_index.ts";
import { type ConfigObject, isConfigObject } from "./value.ts";

/** A YAML file with its place in a tree of configs. */
export interface ConfigFile {
  /** What messages call it: the user's path, or `config/…` for a preset. */
  label: string;
  /** Where it is read from. */
  url: URL;
  /** The tree's root, for the absolute groups of its defaults list. */
  root: URL;
  /** Its group in the tree; "" for a file outside of one. */
  group: string;
  /** Its name in the group, without `.yaml`. */
  name: string;
  /** Its text. */
  text: string;
}

/** What a `group=option` of the user means. */
export type Choice =
  | { kind: "file"; file: ConfigFile }
  | { kind: "folder"; folder: string };

/**
 * Folders of methods that do something around another method, whose name they
 * carry: the bare name means that method itself.
 */
const WRAPPERS = ["dare/", "opcm/", "singular_value_calibration/"];

function wrapsAnother(preset: string): boolean {
  return WRAPPERS.some((folder) => preset.startsWith(folder));
}

/**
 * Finds what the user calls by a name: a YAML file, a preset by its path, a
 * folder, or a preset by the last part of its path, in this order. `./demo`
 * is a folder even where a preset is called `demo`.
 *
 * @throws {ConfigError} If there is none (with the nearest preset), or several.
 */
export async function findChoice(
  group: PresetGroup,
  option: string,
): Promise<Choice> {
  const isYaml = /\.ya?ml$/.test(option);
  if (/^https?:/.test(option) || isYaml && await isFile(option)) {
    return { kind: "file", file: await readUserFile(option, group) };
  }
  const name = option.replace(/\.yaml$/, "");
  const presets = (await presetIndex())[group];
  if (presets.includes(name)) {
    return { kind: "file", file: await readPreset(group, name) };
  }
  if (await isFolder(option)) {
    if (group === "modelpool" || group === "taskpool") {
      return { kind: "folder", folder: option };
    }
    throw new ConfigError(
      `${group}: ${option} is a folder, expected a preset or a YAML file`,
    );
  }
  const named = presets.filter((preset) => preset.endsWith(`/${name}`));
  const plain = named.filter((preset) => !wrapsAnother(preset));
  const matches = plain.length > 0 ? plain : named;
  if (matches.length === 1) {
    return { kind: "file", file: await readPreset(group, matches[0]!) };
  }
  if (matches.length > 1) {
    throw new ConfigError(
      `${group}: ${option} may be ${
        matches.join(" or ")
      }, expected one of these paths`,
    );
  }
  if (await isFile(option)) {
    return { kind: "file", file: await readUserFile(option, group) };
  }
  const suggestion = nearest(name, presets);
  const kinds = group === "method" || group === "dataset"
    ? "a preset or a YAML file"
    : "a preset, a YAML file or a folder";
  throw new ConfigError(
    `${group}: there is no ${option}, expected ${kinds}${
      suggestion === undefined
        ? "; `fusion list` prints the presets"
        : `, did you mean ${suggestion}?`
    }`,
  );
}

/** Reads one of this module's presets. */
export async function readPreset(
  group: string,
  name: string,
): Promise<ConfigFile> {
  const file = await readInTree(PRESET_ROOT, group, name);
  if (file) return file;
  throw new ConfigError(`config/${group}/${name}.yaml: not found`);
}

/**
 * Reads a file of a tree of configs; undefined where there is none.
 *
 * @param root The tree's root.
 * @param group Such as `dataset/image_classification/test`.
 * @param name The file's name in the group, with or without `.yaml`.
 */
export async function readInTree(
  root: URL,
  group: string,
  name: string,
): Promise<ConfigFile | undefined> {
  const bare = name.replace(/\.yaml$/, "");
  const path = group === "" ? `${bare}.yaml` : `${group}/${bare}.yaml`;
  const url = new URL(path.split("/").map(encodeURIComponent).join("/"), root);
  const label = root.href === PRESET_ROOT.href
    ? `config/${path}`
    : displayed(url);
  const text = await readText(url, label);
  return text === undefined
    ? undefined
    : { label, url, root, group, name: bare, text };
}

/**
 * Reads the user's own YAML file. Where a folder of its path is called as its
 * group (`my/config/taskpool/demo.yaml`), the folder above is its tree's root.
 */
export async function readUserFile(
  path: string,
  group: string,
): Promise<ConfigFile> {
  const url = /^https?:/.test(path) ? new URL(path) : toFileUrl(resolve(path));
  const text = await readText(url, path);
  if (text === undefined) {
    throw new ConfigError(`${path}: not found, expected a YAML file`);
  }
  const at = group === "" ? -1 : url.pathname.lastIndexOf(`/${group}/`);
  const root = at === -1
    ? new URL(".", url)
    : new URL(url.pathname.slice(0, at + 1), url);
  const inTree = decodeURIComponent(url.pathname.slice(root.pathname.length));
  const name = inTree.slice(at === -1 ? 0 : group.length + 1)
    .replace(/\.ya?ml$/, "");
  return { label: path, url, root, group: at === -1 ? "" : group, name, text };
}

function displayed(url: URL): string {
  return url.protocol === "file:" ? fromFileUrl(url) : url.href;
}

async function readText(url: URL, label: string): Promise<string | undefined> {
  try {
    if (url.protocol === "file:") return await Deno.readTextFile(url);
    const response = await fetch(url);
    if (response.ok) return await response.text();
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw new Error(`HTTP status ${response.status}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw new ConfigError(
      `${label}: cannot be read (${firstLine(error)}), expected a YAML file`,
      { cause: error },
    );
  }
}

/**
 * Parses a file's YAML.
 *
 * @throws {ConfigError} If it is none, or not a mapping.
 */
export function parseConfigFile(file: ConfigFile): ConfigObject {
  let content: unknown;
  try {
    content = parse(file.text) ?? {};
  } catch (error) {
    throw new ConfigError(
      `${file.label}: no YAML: ${firstLine(error)}`,
      { cause: error },
    );
  }
  if (isConfigObject(content)) {
    checkSize(content, file.label);
    return content;
  }
  throw new ConfigError(
    `${file.label}: found ${
      Array.isArray(content) ? "a list" : `the ${typeof content} ${content}`
    }, expected a mapping of keys to values`,
  );
}

/** More values than any config has. */
const MOST_VALUES = 100_000;

/**
 * A few lines of aliases to lists of aliases stand for more values than memory
 * holds once they are copied.
 *
 * @throws {ConfigError} If there are too many values.
 */
function checkSize(content: unknown, label: string): void {
  let left = MOST_VALUES;
  const walk = (value: unknown, depth: number): void => {
    if (--left < 0 || depth > 100) {
      throw new ConfigError(
        `${label}: ${
          left < 0 ? `more than ${MOST_VALUES} values` : "nested too deep"
        } with all aliases written out, expected a config`,
      );
    }
    if (typeof value !== "object" || value === null) return;
    for (const child of Object.values(value)) walk(child, depth + 1);
  };
  walk(content, 0);
}

function firstLine(error: unknown): string {
  return (error as Error).message.split("\n")[0]!.replace(/:$/, "");
}

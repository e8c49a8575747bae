import { ConfigError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import { type DefaultItem, parseDefaultsList } from "./defaults_list.ts";
import { poolFromFolder, tasksFromFolder } from "./folders.ts";
import { mergeInto } from "./overrides.ts";
import { PRESET_ROOT, type PresetGroup, presetIndex } from "./preset_index.ts";
import {
  type ConfigFile,
  findChoice,
  parseConfigFile,
  readInTree,
} from "./source.ts";
import { type ConfigObject, isConfigObject } from "./value.ts";

/** Groups of FusionBench's own that say nothing to this module. */
const IGNORED_GROUPS = new Set(["hydra", "fabric", "path"]);

/**
 * A config in the making: YAML files are merged into it one after the other,
 * and it remembers which file each key came from.
 */
export class Composition {
  /** The config so far. */
  readonly tree: ConfigObject = {};
  /** The file that was chosen for a group: `method` -> its preset. */
  readonly chosen: Map<string, ConfigFile> = new Map();
  readonly #origins = new Map<string, string>();

  /** Names the file that a key, or the mapping around it, came from. */
  where = (path: string): string => {
    for (let key = path; key !== ""; key = parentOf(key)) {
      const origin = this.#origins.get(key);
      if (origin !== undefined) return origin;
    }
    return this.#origins.get("") ?? "config";
  };

  /** Remembers that a key, with all below it, came from elsewhere. */
  setOrigin(path: string, label: string): void {
    for (const key of [...this.#origins.keys()]) {
      if (key.startsWith(`${path}.`)) this.#origins.delete(key);
    }
    this.#origins.set(path, label);
    // Mappings that this key brought into being came with it.
    for (let key = parentOf(path); key !== ""; key = parentOf(key)) {
      if (!this.#origins.has(key)) this.#origins.set(key, label);
    }
  }

  /** Merges a mapping into the tree. */
  merge(content: ConfigObject, at: readonly string[], label: string): void {
    const nested = at.reduceRight<ConfigObject>(
      (inner, key) => ({ [key]: inner }),
      content,
    );
    mergeInto(this.tree, nested);
    const record = (value: ConfigObject, path: string): void => {
      for (const [key, child] of Object.entries(value)) {
        const childPath = path === "" ? key : `${path}.${key}`;
        // What came from elsewhere below this key is still from there.
        if (isConfigObject(child)) {
          if (!this.#origins.has(childPath)) {
            this.#origins.set(childPath, label);
          }
          record(child, childPath);
        } else this.setOrigin(childPath, label);
      }
    };
    record(content, at.join("."));
    const own = at.join(".");
    if (!this.#origins.has(own)) this.#origins.set(own, label);
  }

  /**
   * Composes what the user chose for a group: a preset, file or folder.
   *
   * @throws {ConfigError} If it is not there, or wrong.
   */
  async choose(group: PresetGroup, option: string): Promise<void> {
    const choice = await findChoice(group, option);
    delete this.tree[group];
    this.setOrigin(group, option);
    if (choice.kind === "file") {
      await this.load(choice.file, [group]);
      this.chosen.set(group, choice.file);
      return;
    }
    const content = group === "modelpool"
      ? await poolFromFolder(choice.folder)
      : await tasksFromFolder(choice.folder);
    this.merge(content, [group], choice.folder);
  }

  /**
   * Merges a file, with the configs its defaults list names, into the tree.
   *
   * @param file The file.
   * @param at Where its content goes.
   * @param choices What to take for a group instead of what lists name: by the
   * path in the tree, such as `modelpool`; null takes nothing.
   */
  async load(
    file: ConfigFile,
    at: readonly string[],
    choices: ReadonlyMap<string, string | null> = new Map(),
  ): Promise<void> {
    await this.#load(file, at, choices, []);
  }

  async #load(
    file: ConfigFile,
    at: readonly string[],
    choices: ReadonlyMap<string, string | null>,
    stack: readonly string[],
  ): Promise<void> {
    if (stack.includes(file.url.href)) {
      throw new ConfigError(
        `${file.label}: its defaults list leads back to itself, expected no circle`,
      );
    }
    const { defaults = [], ...content } = parseConfigFile(file);
    const header = /^\s*#\s*@package\s+(\S+)/m.exec(
      file.text.split(/^[^#\s]/m)[0]!,
    );
    const place = header ? headerPackage(header[1]!, file.group) : at;
    const items = parseDefaultsList(defaults, file.label);
    const inner = new Map(choices);
    for (const item of items) {
      if (item.kind === "self" || !item.override) continue;
      const key = packageOf(item, place).join(".");
      // What the config around this one says counts more.
      if (!inner.has(key)) inner.set(key, item.options[0] ?? null);
    }
    for (const item of items) {
      if (item.kind === "self") this.merge(content, place, file.label);
      else if (!item.override) {
        await this.#expand(item, file, place, inner, [
          ...stack,
          file.url.href,
        ]);
      }
    }
  }

  async #expand(
    item: Exclude<DefaultItem, { kind: "self" }>,
    file: ConfigFile,
    place: readonly string[],
    choices: ReadonlyMap<string, string | null>,
    stack: readonly string[],
  ): Promise<void> {
    const group = item.group.startsWith("/")
      ? item.group.slice(1)
      : [file.group, item.group].filter(Boolean).join("/");
    if (IGNORED_GROUPS.has(group.split("/")[0]!)) return;
    const at = packageOf(item, place);
    const key = at.join(".");
    const chosen = choices.get(key);
    const options = item.kind === "group" && chosen !== undefined
      ? chosen === null ? [] : [chosen]
      : item.options;
    for (const option of options) {
      const child = await readInTree(file.root, group, option) ??
        await readInTree(PRESET_ROOT, group, option);
      if (child) {
        await this.#load(child, at, choices, stack);
        if (isTopGroup(group) && key === group) this.chosen.set(group, child);
      } else if (isTopGroup(group) && key === group) {
        // A run's file may name all that the command line may.
        await this.choose(group, option);
      } else if (!item.optional) {
        throw new ConfigError(
          `${file.label}: defaults names ${group}/${option}, which is not there${await suggestion(
            group,
            option,
          )}`,
        );
      }
    }
  }
}

function isTopGroup(group: string): group is PresetGroup {
  return group === "method" || group === "modelpool" || group === "taskpool";
}

/** Where an item's content goes, by Hydra's rules for packages. */
function packageOf(
  item: Exclude<DefaultItem, { kind: "self" }>,
  place: readonly string[],
): string[] {
  const group = item.group.replace(/^\//, "");
  let target = item.package ?? (item.kind === "group" ? group : "");
  target = target.replaceAll("/", ".").replaceAll(
    "_group_",
    group.replaceAll("/", "."),
  );
  const parts = target.split(".").filter((part) =>
    part !== "" && part !== "_here_"
  );
  const global = parts.lastIndexOf("_global_");
  return global === -1 ? [...place, ...parts] : parts.slice(global + 1);
}

function headerPackage(header: string, group: string): string[] {
  return header.replaceAll("_group_", group.replaceAll("/", "."))
    .split(".").filter((part) => part !== "" && part !== "_global_");
}

async function suggestion(group: string, option: string): Promise<string> {
  const [top = "", ...rest] = group.split("/");
  const prefix = rest.map((part) => `${part}/`).join("");
  const presets = (await presetIndex())[top as PresetGroup] ?? [];
  const names = presets
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  const found = nearest(option, names);
  return found === undefined ? "" : `, did you mean ${found}?`;
}

function parentOf(key: string): string {
  return key.slice(0, Math.max(key.lastIndexOf("."), 0));
}

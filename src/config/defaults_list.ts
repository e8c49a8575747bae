import { ConfigError } from "../fusion_error.ts";
import { type ConfigValue, isConfigObject } from "./value.ts";

/** One line of a defaults list. */
export type DefaultItem =
  | { kind: "self" }
  | {
    kind: "config" | "group";
    /** The group; "" for a config beside this one. Absolute with a first `/`. */
    group: string;
    /** Where its content goes, relative to this config; undefined: the group. */
    package?: string;
    /** What is chosen; none for `null`. */
    options: string[];
    /** Whether it may be missing. */
    optional: boolean;
    /** Whether it changes a choice made elsewhere instead of making one. */
    override: boolean;
  };

/**
 * Reads a defaults list in Hydra's form: `name`, `group: option`,
 * `group@package: [options]`, `optional group: option`,
 * `override group: option`, `_self_`.
 *
 * https://hydra.cc/docs/advanced/defaults_list/
 *
 * @param list The value of the key `defaults`.
 * @param label The file, for messages.
 * @throws {ConfigError} If an item has another form.
 */
export function parseDefaultsList(
  list: ConfigValue,
  label: string,
): DefaultItem[] {
  if (!Array.isArray(list)) {
    throw new ConfigError(
      `${label}: defaults is ${JSON.stringify(list)}, expected a list`,
    );
  }
  const items = list.map((item) => parseItem(item, label));
  // A config overrides its defaults unless it says otherwise.
  if (!items.some(({ kind }) => kind === "self")) items.push({ kind: "self" });
  return items;
}

function parseItem(item: ConfigValue, label: string): DefaultItem {
  if (item === "_self_") return { kind: "self" };
  if (typeof item === "string") {
    const { key, optional, override } = words(item);
    const [path, target] = splitPackage(key);
    const slash = path.lastIndexOf("/");
    return {
      kind: "config",
      group: slash === 0 ? "/" : path.slice(0, Math.max(slash, 0)),
      ...(target === undefined ? {} : { package: target }),
      options: [path.slice(slash + 1)],
      optional,
      override,
    };
  }
  const entries = isConfigObject(item) ? Object.entries(item) : [];
  const [first, option] = entries[0] ?? [];
  const options = option === null || option === undefined
    ? []
    : Array.isArray(option)
    ? option
    : [option];
  if (
    entries.length !== 1 || first === undefined ||
    !options.every((name) => typeof name === "string")
  ) {
    throw new ConfigError(
      `${label}: defaults has ${
        JSON.stringify(item)
      }, expected a name, "group: option" or _self_`,
    );
  }
  const { key, optional, override } = words(first);
  const [group, target] = splitPackage(key);
  return {
    kind: "group",
    group,
    ...(target === undefined ? {} : { package: target }),
    options,
    optional,
    override,
  };
}

function words(
  text: string,
): { key: string; optional: boolean; override: boolean } {
  const parts = text.trim().split(/\s+/);
  const key = parts.pop() ?? "";
  return {
    key,
    optional: parts.includes("optional"),
    override: parts.includes("override"),
  };
}

function splitPackage(key: string): [string, string?] {
  const at = key.indexOf("@");
  return at === -1 ? [key] : [key.slice(0, at), key.slice(at + 1)];
}

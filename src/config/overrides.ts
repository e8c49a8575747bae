import { ConfigError } from "../fusion_error.ts";
import { nearest } from "../nearest.ts";
import {
  type ConfigObject,
  type ConfigValue,
  formatValue,
  isConfigObject,
  parseValue,
} from "./value.ts";

/** One `key=value` of the command line. */
export interface Override {
  /** `a=1` sets, `+a=1` adds, `++a=1` adds or sets, `~a` deletes. */
  kind: "set" | "add" | "force" | "delete";
  /** The key as typed, such as `method.scaling_factor`. */
  key: string;
  /** The key's parts; one part for a group such as `dataset/test`. */
  path: string[];
  /** What follows `@` in `group@package=option`. */
  package?: string;
  /** The value; undefined for `~a`. */
  value?: ConfigValue;
}

/** A command line taken apart. */
export interface ParsedArguments {
  /** The `key=value` arguments. */
  overrides: Override[];
  /** All others, in their order. */
  positional: string[];
}

const OVERRIDE = /^(\+\+?|~)?([A-Za-z_$][\w$./@[\]-]*)(=(.*))?$/s;

/**
 * Takes a command line apart into overrides in Hydra's syntax and positional
 * arguments. A path that looks like an override (`a=b.png`) is positional when
 * it begins with `./` or `/`.
 *
 * @throws {ConfigError} If a value cannot be read; the message names its key.
 */
export function parseOverrides(args: Iterable<string>): ParsedArguments {
  const overrides: Override[] = [];
  const positional: string[] = [];
  for (const argument of args) {
    const override = parseOverride(argument);
    if (override) overrides.push(override);
    else positional.push(argument);
  }
  return { overrides, positional };
}

/**
 * Parses one override; undefined if the argument is none.
 *
 * @throws {ConfigError} If the value cannot be read; the message names the key.
 */
export function parseOverride(argument: string): Override | undefined {
  const match = OVERRIDE.exec(argument);
  if (!match) return undefined;
  const [, sign = "", key = "", assignment, text = ""] = match;
  if (assignment === undefined && sign !== "~") {
    if (sign === "") return undefined;
    throw new ConfigError(
      `command line: ${argument} has no value, expected ${sign}${key}=VALUE`,
    );
  }
  const [name = "", target] = splitOnce(key, "@");
  const override: Override = {
    kind: sign === "~"
      ? "delete"
      : sign === "+"
      ? "add"
      : sign === "++"
      ? "force"
      : "set",
    key,
    path: name.includes("/") ? [name] : splitKey(name, argument),
    ...(target === undefined ? {} : { package: target }),
  };
  if (assignment !== undefined) {
    try {
      override.value = parseValue(text);
    } catch (error) {
      throw new ConfigError(
        `command line: ${key}: ${(error as Error).message}`,
      );
    }
  }
  return override;
}

function splitOnce(text: string, by: string): [string, string?] {
  const at = text.indexOf(by);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The parts of `a.b`, `a[b]`, `a[0].c`. */
function splitKey(key: string, argument: string): string[] {
  const path = key.replace(/\[([^[\]]+)\]/g, ".$1").split(".");
  if (path.every((part) => part !== "" && !/[[\]]/.test(part))) return path;
  throw new ConfigError(
    `command line: ${argument} has the key ${key}, expected parts divided by single dots, such as method.scaling_factor=0.3`,
  );
}

/**
 * Applies an override to a config, in place. A new key is created also by a
 * plain `a=1`: whether it may exist is the schema's to say, which knows what
 * is open (`models`) and what has fixed keys.
 *
 * @throws {ConfigError} If `+` meets a key that is there, `~` one that is not,
 * or the path leads through a value that has no keys.
 */
export function applyOverride(config: ConfigObject, override: Override): void {
  const { kind, key, path, value = null } = override;
  let parent: ConfigObject | ConfigValue[] = config;
  for (const [depth, part] of path.slice(0, -1).entries()) {
    let child: ConfigValue | undefined = get(parent, part, key);
    if (child === undefined || child === null) {
      if (kind === "delete") throw missing(override, parent, part);
      set(parent, part, child = {}, key);
    } else if (typeof child !== "object") {
      throw new ConfigError(
        `command line: ${key}: ${path.slice(0, depth + 1).join(".")} is ${
          formatValue(child)
        }, expected a mapping or list to hold ${path[depth + 1]}`,
      );
    }
    parent = child as ConfigObject | ConfigValue[];
  }
  const last = path.at(-1)!;
  const old = get(parent, last, key);
  if (kind === "delete") {
    if (old === undefined) throw missing(override, parent, last);
    if (
      override.value !== undefined && formatValue(old) !== formatValue(value)
    ) {
      throw new ConfigError(
        `command line: ~${key}=${formatValue(value)}: its value is ${
          formatValue(old)
        }, expected that or ~${key}`,
      );
    }
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete parent[last];
  } else if (kind !== "set" && isConfigObject(old) && isConfigObject(value)) {
    mergeInto(old, value);
  } else if (kind === "add" && old !== undefined && old !== null) {
    throw new ConfigError(
      `command line: +${key}: already there with the value ${
        formatValue(old)
      }, expected ${key}=VALUE or ++${key}=VALUE`,
    );
  } else {
    set(parent, last, value, key);
  }
}

/** Merges a mapping into another, in place; lists are replaced. */
export function mergeInto(target: ConfigObject, source: ConfigObject): void {
  for (const [key, value] of Object.entries(source)) {
    const old = own(target, key);
    if (isConfigObject(old) && isConfigObject(value)) mergeInto(old, value);
    else define(target, key, structuredClone(value));
  }
}

function own(object: ConfigObject, key: string): ConfigValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a key also where it is called `__proto__`. */
function define(object: ConfigObject, key: string, value: ConfigValue): void {
  Object.defineProperty(object, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

function get(
  parent: ConfigObject | ConfigValue[],
  part: string,
  key: string,
): ConfigValue | undefined {
  return Array.isArray(parent)
    ? parent[index(parent, part, key)]
    : own(parent, part);
}

function set(
  parent: ConfigObject | ConfigValue[],
  part: string,
  value: ConfigValue,
  key: string,
): void {
  if (Array.isArray(parent)) parent[index(parent, part, key)] = value;
  else define(parent, part, value);
}

function index(list: ConfigValue[], part: string, key: string): number {
  const at = Number(part);
  if (/^\d+$/.test(part) && at < list.length) return at;
  throw new ConfigError(
    `command line: ${key}: ${part} is no place in a list of ${list.length}, expected 0 to ${
      list.length - 1
    }`,
  );
}

function missing(
  override: Override,
  parent: ConfigObject | ConfigValue[],
  part: string,
): ConfigError {
  const suggestion = nearest(part, Object.keys(parent));
  return new ConfigError(
    `command line: ~${override.key}: there is no key ${part} to delete${
      suggestion === undefined ? "" : `, did you mean ${suggestion}?`
    }`,
  );
}

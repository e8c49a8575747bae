import { fromFileUrl } from "@std/path";
import { ConfigError } from "../fusion_error.ts";
import {
  type ConfigObject,
  type ConfigValue,
  interpolationEnd,
  isConfigObject,
  parseValue,
} from "./value.ts";

const MODULE_ROOT = new URL("../../", import.meta.url);

const RESOLVERS: Record<string, (argument: string) => ConfigValue> = {
  "oc.env": environment,
  module_root: () => {
    if (MODULE_ROOT.protocol === "file:") {
      return fromFileUrl(MODULE_ROOT).replace(/[/\\]$/, "");
    }
    throw new ConfigError(
      "it needs files that only a checkout of the repository has, expected to run from one",
    );
  },
};

/**
 * Resolves `${a.b}` (from the root), `${.b}` and `${..b}` (from the key's
 * mapping and the one above), `${oc.env:NAME,default}` and, for the demo's
 * presets, `${module_root:}`. A value that is one interpolation keeps the type
 * of what it names; `\${` stands for itself.
 *
 * @param root The whole config; not changed.
 * @param where Names the file that a key came from, for messages.
 * @param ignored Keys of the root that are left out of the result; they can be
 * referred to.
 * @throws {ConfigError} If a key or variable is missing, or refers to itself.
 */
export function resolveInterpolations(
  root: ConfigObject,
  where: (path: string) => string = () => "config",
  ignored: readonly string[] = [],
): ConfigObject {
  const pending = new Set<string>();

  function resolveValue(value: ConfigValue, path: string[]): ConfigValue {
    if (typeof value === "string") return resolveText(value, path);
    if (Array.isArray(value)) {
      return value.map((item, i) => resolveValue(item, [...path, String(i)]));
    }
    if (!isConfigObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map((
        [key, item],
      ) => [key, resolveValue(item, [...path, key])]),
    );
  }

  function resolveText(text: string, path: string[]): ConfigValue {
    if (!text.includes("${")) return text;
    const key = path.join(".");
    const fail = (problem: string): never => {
      throw new ConfigError(`${where(key)}: ${key}: ${text}: ${problem}`);
    };
    if (pending.has(key)) fail("refers to itself, expected another key");
    pending.add(key);
    try {
      return substitute(text, path, fail);
    } finally {
      pending.delete(key);
    }
  }

  function substitute(
    text: string,
    path: string[],
    fail: (problem: string) => never,
  ): ConfigValue {
    let result = "";
    for (let i = 0; i < text.length; i++) {
      if (text.startsWith("\\${", i)) {
        result += "${";
        i += 2;
      } else if (text.startsWith("${", i)) {
        const end = interpolationEnd(text, i);
        if (end === -1) fail('has no closing "}"');
        const value = resolveReference(text.slice(i + 2, end - 1), path, fail);
        if (i === 0 && end === text.length) return value;
        result += typeof value === "object" && value !== null
          ? JSON.stringify(value)
          : String(value);
        i = end - 1;
      } else result += text[i];
    }
    return result;
  }

  function resolveReference(
    reference: string,
    path: string[],
    fail: (problem: string) => never,
  ): ConfigValue {
    const colon = /^([A-Za-z_][\w.]*):/.exec(reference);
    if (colon) {
      const resolver = RESOLVERS[colon[1]!] ??
        fail(
          `there is no resolver ${colon[1]}, expected ${
            Object.keys(RESOLVERS).join(" or ")
          }`,
        );
      const argument = String(
        substitute(reference.slice(colon[0].length), path, fail),
      );
      try {
        return resolver(argument);
      } catch (error) {
        return fail((error as Error).message);
      }
    }
    const [, dots = "", name = ""] = /^(\.*)(.*)$/s.exec(reference)!;
    const target = [
      ...(dots === "" ? [] : path.slice(0, path.length - dots.length)),
      ...name.replace(/\[([^\]]+)\]/g, ".$1").split(".").filter(Boolean),
    ];
    let value: ConfigValue = root;
    for (const part of target) {
      const next: ConfigValue | undefined = Array.isArray(value)
        ? value[Number(part)]
        : isConfigObject(value) && Object.hasOwn(value, part)
        ? value[part]
        : undefined;
      if (next === undefined) {
        return fail(`there is no key ${target.join(".")}`);
      }
      value = next;
    }
    const ancestor = target.every((part, i) => path[i] === part);
    if (ancestor) return fail("refers to itself, expected another key");
    return resolveValue(value, target);
  }

  return Object.fromEntries(
    Object.entries(root)
      .filter(([key]) => !ignored.includes(key))
      .map(([key, value]) => [key, resolveValue(value, [key])]),
  );
}

function environment(argument: string): ConfigValue {
  const comma = argument.indexOf(",");
  const name = (comma === -1 ? argument : argument.slice(0, comma)).trim();
  const value = Deno.env.get(name);
  if (value !== undefined) return value;
  if (comma !== -1) {
    const fallback = parseValue(argument.slice(comma + 1));
    // Only the outermost quotes make a difference: it is text either way.
    return fallback === null ? null : String(fallback);
  }
  throw new ConfigError(
    `the environment variable ${name} is not set, expected it or a default: \${oc.env:${name},DEFAULT}`,
  );
}

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/fusion_error.ts";
import {
  applyOverride,
  type ConfigObject,
  parseOverride,
  parseOverrides,
} from "../../src/config/mod.ts";

function applied(config: ConfigObject, ...args: string[]): ConfigObject {
  for (const override of parseOverrides(args).overrides) {
    applyOverride(config, override);
  }
  return config;
}

Deno.test("parseOverride: kinds, keys, packages", () => {
  assertEquals(parseOverride("a.b=1"), {
    kind: "set",
    key: "a.b",
    path: ["a", "b"],
    value: 1,
  });
  assertEquals(parseOverride("+a=")?.kind, "add");
  assertEquals(parseOverride("++a=x")?.kind, "force");
  assertEquals(parseOverride("~a"), { kind: "delete", key: "a", path: ["a"] });
  assertEquals(parseOverride("~a=2")?.value, 2);
  assertEquals(parseOverride("models[stanford-cars].x[0]=1")?.path, [
    "models",
    "stanford-cars",
    "x",
    "0",
  ]);
  const group = parseOverride("dataset/test@taskpool.test_datasets=[mnist]");
  assertEquals(group?.path, ["dataset/test"]);
  assertEquals(group?.package, "taskpool.test_datasets");
  assertThrows(() => parseOverride("a..b=1"), ConfigError, "single dots");
  assertThrows(() => parseOverride("+a"), ConfigError, "expected +a=VALUE");
  assertThrows(() => parseOverride("a=[1"), ConfigError, "command line: a: ");
});

Deno.test("parseOverrides: other words are positional", () => {
  const { overrides, positional } = parseOverrides([
    "photo.jpg",
    "top_k=9",
    "./a=b.png",
    "/tmp/c=d.png",
    "--json",
  ]);
  assertEquals(overrides.map(({ key }) => key), ["top_k"]);
  assertEquals(positional, [
    "photo.jpg",
    "./a=b.png",
    "/tmp/c=d.png",
    "--json",
  ]);
});

Deno.test("applyOverride: set, add, force, delete", () => {
  const config = { a: { b: 1 }, list: [1, 2, 3] };
  assertEquals(
    applied(config, "a.b=2", "+c.d=x", "++a={e:null}", "list.1=9", "~list[0]"),
    { a: { b: 2, e: null }, list: [9, 3], c: { d: "x" } },
  );
  assertEquals(applied({ a: 1, b: 2 }, "~a=1"), { b: 2 });
});

Deno.test("applyOverride: what Hydra refuses is refused", () => {
  const refuse = (argument: string, message: string): void => {
    assertThrows(
      () => applied({ alpha: 1, list: [1] }, argument),
      ConfigError,
      message,
    );
  };
  refuse("+alpha=2", "already there with the value 1");
  refuse("~alpa", "did you mean alpha?");
  refuse("~alpha=2", "its value is 1");
  refuse("alpha.b=2", "alpha is 1, expected a mapping");
  refuse("list.4=2", "expected 0 to 0");
});

Deno.test("applyOverride: __proto__ is a key like any other", () => {
  applied({}, "__proto__.polluted=1");
  assertEquals(({} as Record<string, unknown>)["polluted"], undefined);
});

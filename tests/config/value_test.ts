import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/fusion_error.ts";
import {
  type ConfigValue,
  formatValue,
  parseValue,
} from "../../src/config/mod.ts";

const CASES: [string, ConfigValue][] = [
  ["", ""],
  ["1", 1],
  ["-7", -7],
  ["1_000", 1000],
  ["0.3", 0.3],
  [".5", 0.5],
  ["1.", 1],
  ["1e-3", 0.001],
  ["+2.5E2", 250],
  ["inf", Infinity],
  ["-inf", -Infinity],
  ["nan", NaN],
  ["NaN", NaN],
  ["null", null],
  ["NULL", null],
  ["true", true],
  ["False", false],
  ["nullable", "nullable"],
  ["1.2.3", "1.2.3"],
  ["10a", "10a"],
  [" 1 ", 1],
  ["a b", "a b"],
  ["facebook/convnext-base-224", "facebook/convnext-base-224"],
  ["C:\\models\\a", "C:\\models\\a"],
  ["http://host:80/a?b=c", "http://host:80/a?b=c"],
  ["a=b=c", "a=b=c"],
  ["é 模型", "é 模型"],
  ["\\[1\\]", "[1]"],
  ["a\\,b", "a,b"],
  ["'1'", "1"],
  ['"a, b"', "a, b"],
  ["''", ""],
  ["'it\\'s'", "it's"],
  ["'a\\nb'", "a\\nb"],
  ["'back\\\\'", "back\\"],
  ["'say \"hi\"'", 'say "hi"'],
  ["[]", []],
  ["[1,2,[3]]", [1, 2, [3]]],
  ["[ a , 'b c', null ]", ["a", "b c", null]],
  ["[a b,c]", ["a b", "c"]],
  ["{}", {}],
  ["{a:1,b:[2]}", { a: 1, b: [2] }],
  ["{a: {b: c:d}, 'e f': true}", { a: { b: "c:d" }, "e f": true }],
  ["{1: x}", { "1": "x" }],
  ["${a.b}", "${a.b}"],
  ["${oc.env:HOME,x}/y", "${oc.env:HOME,x}/y"],
  ["[${oc.env:A,${b}},2]", ["${oc.env:A,${b}}", 2]],
];

for (const [text, value] of CASES) {
  Deno.test(`parseValue: ${text}`, () => assertEquals(parseValue(text), value));
}

Deno.test("parseValue: what is not closed, a sweep and a function are told", () => {
  for (
    const text of ["[1,2", "{a:1", "'a", '"a', "{a}", "[1]2", "${a", "1,2"]
  ) {
    assertThrows(() => parseValue(text), ConfigError, text);
  }
  assertThrows(() => parseValue("1,2"), ConfigError, "list [1,2]");
  assertThrows(() => parseValue("choice(1,2)"), ConfigError, "sweeps");
});

Deno.test("formatValue: parseValue reads the same value (2,000 random ones)", () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const letters = "ab1\\'\"[]{}:=,. \t\n$-é";
  const word = (): string =>
    Array.from({ length: random(7) }, () => letters[random(letters.length)])
      .join("");
  const value = (depth: number): ConfigValue => {
    switch (random(depth > 0 ? 9 : 7)) {
      case 0:
        return null;
      case 1:
        return random(2) === 1;
      case 2:
        return random(2000) - 1000;
      case 3:
        return (random(2000) - 1000) / 2 ** random(60);
      case 4:
        return [Infinity, -Infinity, NaN, -0, 1e300][random(5)]!;
      case 5:
      case 6:
        return word();
      case 7:
        return Array.from({ length: random(4) }, () => value(depth - 1));
      default:
        return Object.fromEntries(
          Array.from({ length: random(4) }, () => [word(), value(depth - 1)]),
        );
    }
  };
  for (let i = 0; i < 2000; i++) {
    const original = value(3);
    assertEquals(parseValue(formatValue(original)), original);
  }
});

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/fusion_error.ts";
import { resolveInterpolations } from "../../src/config/interpolate.ts";

Deno.test("interpolation: absolute, relative, typed, in text, nested", () => {
  assertEquals(
    resolveInterpolations({
      n: 3,
      a: {
        b: "${n}",
        c: "${.b}",
        d: "${..n}",
        e: "x${.b}y",
        f: { g: "${..b}" },
      },
      list: [{ p: "${a}" }, "${list[2]}", "last"],
      literal: "\\${n}",
      env: "${oc.env:NO_SUCH_VARIABLE,'a b'}",
      inner: "${oc.env:NO_SUCH_VARIABLE,${n}}",
      none: "${oc.env:NO_SUCH_VARIABLE,null}",
    }),
    {
      n: 3,
      a: { b: 3, c: 3, d: 3, e: "x3y", f: { g: 3 } },
      list: [
        { p: { b: 3, c: 3, d: 3, e: "x3y", f: { g: 3 } } },
        "last",
        "last",
      ],
      literal: "${n}",
      env: "a b",
      inner: "3",
      none: null,
    },
  );
});

Deno.test("interpolation: errors name file and key", () => {
  const fail = (
    config: Parameters<typeof resolveInterpolations>[0],
    message: string,
  ): void => {
    assertThrows(
      () => resolveInterpolations(config, () => "my.yaml"),
      ConfigError,
      message,
    );
  };
  fail({ a: "${b.c}" }, "my.yaml: a: ${b.c}: there is no key b.c");
  fail({ a: "${b}", b: "${a}" }, "refers to itself");
  fail({ a: { b: "${a}" } }, "refers to itself");
  fail({ a: "${oc.env:NO_SUCH_VARIABLE}" }, "NO_SUCH_VARIABLE is not set");
  fail({ a: "${nope:1}" }, "there is no resolver nope");
});

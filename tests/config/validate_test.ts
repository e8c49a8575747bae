import { assertEquals, assertThrows } from "@std/assert";
import * as z from "zod";
import { validateParameters } from "../../src/config/mod.ts";
import { ConfigError } from "../../src/fusion_error.ts";

const schema = z.strictObject({
  scaling_factor: z.number().default(0.3),
  threshold: z.number().min(0).max(100).optional(),
  merge_func: z.enum(["sum", "mean", "max"]).default("sum"),
  weights: z.union([z.number(), z.array(z.number())]).optional(),
});

Deno.test("validateParameters: defaults filled in, housekeeping dropped", () => {
  assertEquals(
    validateParameters(schema, {
      _target_: "a.B",
      verbose: true,
      inplace: false,
    }, "f"),
    { scaling_factor: 0.3, merge_func: "sum" },
  );
  const own = z.strictObject({ verbose: z.boolean() });
  assertEquals(validateParameters(own, { verbose: true }, "f"), {
    verbose: true,
  });
});

Deno.test("validateParameters: one line with file, key, found, expected", () => {
  const fail = (values: Record<string, unknown>, message: string): void => {
    const error = assertThrows(
      () => validateParameters(schema, values, (key) => `file of ${key}`),
      ConfigError,
    );
    assertEquals((error as Error).message, message);
  };
  fail(
    { scaling_facto: 1 },
    "file of scaling_facto: scaling_facto: there is no such key, did you mean scaling_factor?",
  );
  fail(
    { zzzz: 1 },
    "file of zzzz: zzzz: there is no such key, expected scaling_factor, threshold, merge_func or weights",
  );
  fail(
    { scaling_factor: "a" },
    "file of scaling_factor: scaling_factor: found 'a', expected a number",
  );
  fail(
    { threshold: 200 },
    "file of threshold: threshold: found 200, expected a number of at most 100",
  );
  fail(
    { merge_func: "avg" },
    "file of merge_func: merge_func: found 'avg', expected sum, mean or max",
  );
  fail(
    { weights: [1, "b"] },
    "file of weights.1: weights.1: found 'b', expected a number",
  );
  fail(
    { weights: "b" },
    "file of weights: weights: found 'b', expected a number or a list",
  );
});

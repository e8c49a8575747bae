import { assert, assertEquals, assertThrows } from "@std/assert";
import { memoryStateDict, type StateDict } from "../../src/checkpoint/mod.ts";
import { ModelPoolError } from "../../src/fusion_error.ts";
import { baseOf, closePool, targetTensors } from "../../src/merge/mod.ts";

function stateDict(
  source: string,
  shapes: Record<string, number[]>,
): StateDict {
  return memoryStateDict(
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, {
        shape,
        data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
      }]),
    ),
    source,
  );
}

const SHAPES = {
  "convnext.a": [2, 3],
  "convnext.b": [4],
  "convnextra.c": [1],
  "classifier.weight": [2, 2],
};

Deno.test("baseOf: pretrained, else the first model", () => {
  const [p, a, b] = ["p", "a", "b"].map((name) => stateDict(name, SHAPES));
  const models = new Map([["b", b!], ["a", a!]]);
  assertEquals(baseOf({ pretrained: p!, models }), p);
  assertEquals(baseOf({ models }), b);
  assertThrows(() => baseOf({ models: new Map() }), ModelPoolError, "empty");
});

Deno.test("targetTensors: the targets' own, not what merely begins alike", () => {
  const models = new Map([["a", stateDict("a", SHAPES)]]);
  assertEquals(
    [...targetTensors({ models }, ["convnext"])],
    [["convnext.a", [2, 3]], ["convnext.b", [4]]],
  );
  assertEquals(
    [...targetTensors({ models }, ["convnextra", "classifier"]).keys()],
    ["convnextra.c", "classifier.weight"],
  );
  assertThrows(
    () => targetTensors({ models }, ["resnet"]),
    ModelPoolError,
    "a: no tensor of the fusion targets resnet, expected names such as resnet.",
  );
});

for (
  const [what, changes, words] of [
    ["another shape", { "convnext.a": [3, 2] }, [
      "model odd (odd.file)",
      "convnext.a has shape [3,2]",
      "pre.file has [2,3]",
    ]],
    ["a tensor more", { "convnext.z": [5] }, [
      "model odd (odd.file)",
      "convnext.z of shape [5] is not in pre.file",
    ]],
    ["another head", { "classifier.weight": [9, 2] }, []],
  ] as [string, Record<string, number[]>, string[]][]
) {
  Deno.test(`targetTensors: a model with ${what}`, () => {
    const pool = {
      pretrained: stateDict("pre.file", SHAPES),
      models: new Map([
        ["fits", stateDict("fits.file", SHAPES)],
        ["odd", stateDict("odd.file", { ...SHAPES, ...changes })],
      ]),
    };
    if (words.length === 0) {
      assertEquals(targetTensors(pool, ["convnext"]).size, 2);
      return;
    }
    const error = assertThrows(
      () => targetTensors(pool, ["convnext"]),
      ModelPoolError,
    );
    for (const word of words) {
      assert(error.message.includes(word), error.message);
    }
  });
}

Deno.test("targetTensors: a model without a tensor", () => {
  const { "convnext.b": _, ...fewer } = SHAPES;
  const pool = {
    models: new Map([
      ["all", stateDict("all.file", SHAPES)],
      ["fewer", stateDict("fewer.file", fewer)],
    ]),
  };
  assertThrows(
    () => targetTensors(pool, ["convnext"]),
    ModelPoolError,
    "model fewer (fewer.file): tensor convnext.b is missing, all.file has it with shape [4]",
  );
});

Deno.test("closePool closes every model", () => {
  const closed: string[] = [];
  const closing = (source: string): StateDict => ({
    ...stateDict(source, SHAPES),
    close: () => void closed.push(source),
  });
  closePool({
    pretrained: closing("p"),
    models: new Map([["a", closing("a")], ["b", closing("b")]]),
  });
  assertEquals(closed, ["p", "a", "b"]);
});

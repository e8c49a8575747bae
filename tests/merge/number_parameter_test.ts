import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { MethodError } from "../../src/fusion_error.ts";
import { type NumberParameter, numberParameter } from "../../src/merge/mod.ts";
import {
  resolveNumber,
  tensorDepths,
} from "../../src/merge/number_parameter.ts";

const at = (
  parameter: NumberParameter,
  depth = 0,
  tensor = "convnext.encoder.stages.0.layers.0.dwconv.weight",
  model?: string,
): number => resolveNumber(parameter, { tensor, depth, model });

Deno.test("a number is the same everywhere", () => {
  for (const depth of [0, 0.3, 1]) assertEquals(at(0.3, depth), 0.3);
});

Deno.test("a list is a gradient over depth", () => {
  // mergekit's: evenly spaced anchors, linear between them.
  for (
    const [depth, value] of [
      [0, 0.2],
      [0.25, 0.4],
      [0.5, 0.6],
      [0.75, 0.45],
      [1, 0.3],
    ] as const
  ) assertAlmostEquals(at([0.2, 0.6, 0.3], depth), value, 1e-12);
  for (const depth of [0, 0.4, 1]) assertEquals(at([0.7], depth), 0.7);
});

Deno.test("by model or piece of name, the first key that fits; * fits always", () => {
  const parameter = { mnist: 0.5, dwconv: [0, 1], "*": 0.3 };
  assertEquals(at(parameter, 0.25, "x.dwconv.weight", "mnist"), 0.5);
  assertEquals(at(parameter, 0.25, "x.dwconv.weight", "emoji"), 0.25);
  assertEquals(at(parameter, 0.25, "x.pwconv1.weight", "emoji"), 0.3);
  assertEquals(at({ "*": 1, mnist: 2 }, 0, "x", "mnist"), 1);
  assertEquals(
    at({ mnist: { dwconv: 1, "*": 2 }, "*": 3 }, 0, "x", "mnist"),
    2,
  );
  // Without a model, its key fits no tensor.
  assertEquals(at({ mnist: 2, "*": 1 }, 0, "x"), 1);
});

Deno.test("mergekit's list of filters", () => {
  const parameter: NumberParameter = [
    { filter: "dwconv", value: [0, 1] },
    { filter: "mnist", value: 0.9 },
    { value: 0.3 },
  ];
  assertEquals(at(parameter, 0.5, "x.dwconv.bias", "mnist"), 0.5);
  assertEquals(at(parameter, 0.5, "x.pwconv1.bias", "mnist"), 0.9);
  assertEquals(at(parameter, 0.5, "x.pwconv1.bias", "emoji"), 0.3);
});

Deno.test("nothing that fits: tensor, model and parameter are named", () => {
  for (
    const parameter of [
      { mnist: 1 },
      [{ filter: "mnist", value: 1 }],
    ] as NumberParameter[]
  ) {
    const error = assertThrows(
      () => at(parameter, 0, "convnext.layernorm.bias", "emoji"),
      MethodError,
    );
    for (
      const word of ["convnext.layernorm.bias", "model emoji", "mnist", "*"]
    ) assert(error.message.includes(word), error.message);
  }
});

Deno.test("the schema takes all four spellings, within bounds", () => {
  const schema = numberParameter({ minimum: 0, maximum: 1 });
  for (
    const good of [
      0,
      1,
      [0, 0.5],
      { a: 0.5, "*": [0, 1] },
      [{ filter: "a", value: 0.5 }, { value: { "*": 1 } }],
    ]
  ) assertEquals(schema.parse(good), good as NumberParameter);
  for (
    const bad of [
      -0.1,
      1.1,
      NaN,
      "0.5",
      null,
      [],
      [2],
      { a: 2 },
      [{ filter: "a" }],
      [{ filtre: "a", value: 1 }],
    ]
  ) assert(!schema.safeParse(bad).success, JSON.stringify(bad));
});

Deno.test("depths: blocks evenly from 0 to 1, the stem 0, the last LayerNorm 1", () => {
  const names = [
    "convnext.embeddings.patch_embeddings.weight",
    "convnext.encoder.stages.0.layers.0.dwconv.weight",
    "convnext.encoder.stages.0.layers.1.dwconv.weight",
    "convnext.encoder.stages.1.downsampling_layer.0.weight",
    "convnext.encoder.stages.1.layers.0.dwconv.weight",
    "convnext.encoder.stages.2.layers.0.dwconv.weight",
    "convnext.encoder.stages.2.layers.1.pwconv1.bias",
    "convnext.layernorm.weight",
  ];
  const expected = [0, 0, 1 / 4, 2 / 4, 2 / 4, 3 / 4, 1, 1];
  const depths = tensorDepths(names);
  for (const [i, name] of names.entries()) {
    assertAlmostEquals(depths.get(name)!, expected[i]!, 1e-12, name);
  }
  // Ten blocks and more, in any order: 10 comes after 9.
  const many = Array.from(
    { length: 12 },
    (_, i) => `convnext.encoder.stages.2.layers.${i}.dwconv.weight`,
  );
  const ordered = tensorDepths(many.toSorted());
  for (const [i, name] of many.entries()) {
    assertAlmostEquals(ordered.get(name)!, i / 11, 1e-12, name);
  }
});

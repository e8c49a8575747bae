import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  labelMaps,
  labelsOf,
  numLabels,
  parseConvNextConfig,
  readConvNextConfig,
} from "../../src/convnext/mod.ts";
import { ConfigError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

Deno.test("what a config leaves out is as in transformers", () => {
  const config = parseConvNextConfig({}, "config.json");
  // ConvNextConfig() of transformers: the tiny model with two labels.
  assertEquals(config, {
    model_type: "convnext",
    num_channels: 3,
    patch_size: 4,
    num_stages: 4,
    hidden_sizes: [96, 192, 384, 768],
    depths: [3, 3, 9, 3],
    hidden_act: "gelu",
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    layer_scale_init_value: 1e-6,
    drop_path_rate: 0,
    image_size: 224,
    id2label: { 0: "LABEL_0", 1: "LABEL_1" },
    label2id: { LABEL_0: 0, LABEL_1: 1 },
  });
});

Deno.test("num_labels sizes the head where id2label does not", () => {
  assertEquals(numLabels(parseConvNextConfig({ num_labels: 7 }, "c")), 7);
  const named = parseConvNextConfig({
    num_labels: 7,
    id2label: { 0: "a", 1: "b" },
  }, "c");
  assertEquals(labelsOf(named), ["a", "b"]);
  assertEquals(named.label2id, { a: 0, b: 1 });
});

Deno.test("labels are in the order of their numbers, not of their text", () => {
  const labels = Array.from({ length: 12 }, (_, i) => `class ${i}`);
  const id2label = Object.fromEntries(
    labels.map((label, i) => [`${i}`, label]).toReversed(),
  );
  assertEquals(labelsOf(parseConvNextConfig({ id2label }, "c")), labels);
  assertEquals(labelMaps(labels).label2id["class 11"], 11);
});

Deno.test("fields that are not used here are kept", async () => {
  const path = dataPath("tests/data/demo_pool/mnist");
  const json = JSON.parse(await Deno.readTextFile(`${path}/config.json`));
  const config = await readConvNextConfig(path);
  for (const key of Object.keys(json)) {
    assertEquals(config[key], json[key], key);
  }
  assert("out_features" in config);
});

for (
  const [json, words] of [
    [{ model_type: "resnet" }, [
      "cfg.json",
      "model_type",
      '"resnet"',
      "convnext",
    ]],
    [{ depths: [1, 1] }, ["cfg.json", "depths has 2", "num_stages = 4"]],
    [{ hidden_sizes: [8, 16, 0, 32] }, ["cfg.json", "hidden_sizes.2 is 0"]],
    [{ hidden_act: "tanh" }, ["hidden_act", '"tanh"', "gelu"]],
    [{ id2label: { 0: "a", 2: "c" } }, ["id2label has 2", "class 1"]],
    [{ layer_norm_eps: "small" }, ["layer_norm_eps", '"small"']],
    [[], ["cfg.json", "the whole file"]],
    [null, ["cfg.json", "the whole file"]],
  ] as const
) {
  Deno.test(`refused: ${JSON.stringify(json)}`, () => {
    const error = assertThrows(
      () => parseConvNextConfig(json, "cfg.json"),
      ConfigError,
    );
    for (const word of words) {
      assert(error.message.includes(word), `${error.message}: no ${word}`);
    }
    assert(!error.message.includes("\n"));
  });
}

Deno.test("config.json that is not there, and one that is no JSON", async () => {
  await inTemporaryFolder(async (folder) => {
    await assertRejects(
      () => readConvNextConfig(folder),
      ConfigError,
      `${folder}/config.json: not found`,
    );
    await Deno.writeTextFile(`${folder}/config.json`, "{");
    await assertRejects(
      () => readConvNextConfig(folder),
      ConfigError,
      `${folder}/config.json: not JSON`,
    );
  });
});

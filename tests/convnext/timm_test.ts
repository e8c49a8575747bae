import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { memoryStateDict, openCheckpoint } from "../../src/checkpoint/mod.ts";
import {
  architectureOf,
  checkShapes,
  configOf,
  expectedShapes,
  huggingFaceToTimm,
  labelsOf,
  loadConvNext,
  openConvNext,
  parseConvNextConfig,
  parseTimmConfig,
  readConvNextConfig,
  timmConfigOf,
  timmToHuggingFace,
  usedTensors,
  weightShapes,
} from "../../src/convnext/mod.ts";
import { CheckpointError, ConfigError } from "../../src/fusion_error.ts";
import { dataPath, relativeDifference } from "../reference.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const MODELS = ["timm", "timm_conv_mlp", "timm_v2"];

for (const name of MODELS) {
  const folder = dataPath(`tests/data/formats/${name}`);

  Deno.test(`${name}: logits equal timm's`, async () => {
    const forward = await openCheckpoint(`${folder}/forward.safetensors`);
    const model = await loadConvNext(folder);
    const pixels = tf.transpose(
      tf.tensor(await forward.read("pixel_values"), [2, 3, 32, 32]),
      [0, 2, 3, 1],
    );
    const logits = model.apply(pixels) as tf.Tensor;
    const difference = relativeDifference(
      await logits.data(),
      await forward.read("logits"),
    );
    assert(difference < 1e-4, `differs by ${difference}`);
    assertEquals(
      configOf(model).model_type,
      name === "timm_v2" ? "convnextv2" : "convnext",
    );
    forward.close();
    model.dispose();
  });

  Deno.test(`${name}: names and shapes are mapped both ways`, async () => {
    const timm = await openCheckpoint(folder);
    const { config, stateDict, format } = await openConvNext(folder);
    assertEquals(format, "timm");
    checkShapes(stateDict, config);
    const back = huggingFaceToTimm(
      stateDict,
      architectureOf(config),
      name === "timm_conv_mlp",
    );
    assertEquals(back.names, timm.names.toSorted());
    for (const tensor of timm.names) {
      assertEquals(back.info(tensor), timm.info(tensor), tensor);
      assertEquals(await back.read(tensor), await timm.read(tensor), tensor);
      const target = new Float32Array(3);
      await back.readInto!(tensor, 1, 4, target);
      assertEquals(target, await timm.read(tensor, 1, 4));
    }
    assertEquals(back.location, undefined);
    back.close();
    timm.close();
  });
}

Deno.test("timm's config.json gives labels and image size", async () => {
  const config = await readConvNextConfig(dataPath("tests/data/formats/timm"));
  assertEquals(labelsOf(config), ["é", "bee", "cat", "dog"]);
  assertEquals(config.image_size, 32);
  assertEquals(config.depths, [1, 1, 2, 1]);
  assertEquals(config.hidden_sizes, [8, 16, 24, 32]);
  assertEquals(config.patch_size, 4);
  assertEquals(config.layer_norm_eps, 1e-6);
  const bare = await readConvNextConfig(
    dataPath("tests/data/formats/timm_v2/pytorch_model.bin"),
  );
  assertEquals(labelsOf(bare), ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"]);
  assertEquals(bare.layer_scale_init_value, 0);
});

Deno.test("timm's name is told by the sizes", () => {
  const name = (json: unknown): string =>
    timmConfigOf(parseConvNextConfig(json, "")).architecture;
  assertEquals(name({}), "convnext_tiny");
  assertEquals(name({ depths: [3, 3, 27, 3] }), "convnext_small");
  assertEquals(
    name({
      model_type: "convnextv2",
      depths: [2, 2, 6, 2],
      hidden_sizes: [40, 80, 160, 320],
    }),
    "convnextv2_atto",
  );
  assertThrows(() => name({ patch_size: 2 }), ConfigError, "patch_size = 2");
});

Deno.test("expectedShapes() are those of the model that is built", async () => {
  for (const name of ["convnextv2", "timm"]) {
    const model = await loadConvNext(dataPath(`tests/data/formats/${name}`));
    const expected = [...expectedShapes(configOf(model))].sort();
    assertEquals(expected, [...weightShapes(model)].sort());
    model.dispose();
  }
});

Deno.test("timm models that transformers cannot express are refused", async () => {
  for (
    const [json, word] of [
      [{ architecture: "resnet50" }, "resnet50"],
      [{ architecture: "convnext_xxlarge" }, "epsilon is 0.00001"],
      [{ architecture: 1 }, "architecture"],
      [
        { architecture: "convnext_tiny", model_args: { act_layer: "mish" } },
        "model_args.act_layer",
      ],
    ] as const
  ) {
    assertThrows(() => parseTimmConfig(json, "cfg.json"), ConfigError, word);
  }
  const source = await openCheckpoint(dataPath("tests/data/formats/timm"));
  const extra = (name: string) => ({
    ...source,
    names: [...source.names, name],
    source: "extra",
    info: (name: string) => source.info(name),
  });
  for (
    const name of ["norm_pre.weight", "stem.3.weight", "stages.0.blocks.0"]
  ) {
    assertThrows(
      () => timmToHuggingFace(extra(name)),
      CheckpointError,
      JSON.stringify(name),
    );
  }
  const { config, stateDict } = await openConvNext(
    dataPath("tests/data/formats/timm"),
  );
  // Beside the model's parts anything may stand: it changes nothing.
  const others = ["fc_other.weight", "optimizer.exp_avg"];
  const beside = timmToHuggingFace({
    ...source,
    names: [...source.names, ...others],
    source: "beside",
    info: (name) =>
      others.includes(name) ? { dtype: "F32", shape: [1] } : source.info(name),
  });
  assertEquals(
    usedTensors(beside, config).names,
    beside.names.filter((name) => !others.includes(name)),
  );
  source.close();
  assertThrows(
    () => checkShapes(stateDict, { ...config, depths: [1, 1, 3, 1] }),
    CheckpointError,
    "stages.2.layers.2.dwconv.weight is missing",
  );
  assertThrows(
    () => checkShapes(stateDict, { ...config, depths: [1, 1, 1, 1] }),
    CheckpointError,
    "9 tensors are not in a ConvNeXt of its config.json: convnext.encoder.stages.2.layers.1.dwconv.bias, ",
  );
  assertThrows(
    () => checkShapes(memoryStateDict({}, "empty"), config),
    CheckpointError,
    "empty: tensor convnext.embeddings",
  );
  stateDict.close();
  await assertRejects(
    () => openConvNext(dataPath("tests/data/formats/pytorch/zip.bin")),
    ConfigError,
    "not found",
  );
});

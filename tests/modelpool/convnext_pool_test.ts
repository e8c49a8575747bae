import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import {
  configOf,
  fusionTargets,
  labelsOf,
  loadConvNext,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { getClassnames } from "../../src/dataset/mod.ts";
import { FusionError, ModelPoolError } from "../../src/fusion_error.ts";
import {
  BaseModelPool,
  ConvNextForImageClassificationPool,
  loadTransformersConvNext,
} from "../../src/modelpool/mod.ts";
import { dataPath } from "../reference.ts";
import {
  DEMO_MODELS,
  inTemporaryFolder,
  listNames,
} from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const PRETRAINED = DEMO_MODELS["_pretrained_"]!;
const MNIST = DEMO_MODELS["mnist"]!;

function demoPool(): ConvNextForImageClassificationPool {
  return new ConvNextForImageClassificationPool({
    models: DEMO_MODELS,
    train_datasets: { mnist: dataPath("tests/data/demo_data/mnist/test") },
    test_datasets: { emoji: dataPath("tests/data/demo_data/emoji/test") },
  });
}

Deno.test("names: special ones are kept apart, order is the config's", () => {
  const pool = demoPool();
  assertEquals(pool.allModelNames, Object.keys(DEMO_MODELS));
  assertEquals(pool.modelNames, [
    "emoji",
    "fashion_mnist",
    "mnist",
    "optdigits",
  ]);
  assertEquals(pool.length, 4);
  assert(pool.hasPretrained);
  assert(!pool.hasMerged);
  assertEquals(pool.pretrainedOrFirstName, "_pretrained_");
  pool.addModel("_merged_", MNIST);
  assert(pool.hasMerged);
  assertEquals(pool.length, 4);
  assert(BaseModelPool.isSpecialModel("_any_"));
  assert(!BaseModelPool.isSpecialModel("_any"));
  const experts = new ConvNextForImageClassificationPool({
    models: { mnist: MNIST },
  });
  assertEquals(experts.pretrainedOrFirstName, "mnist");
});

Deno.test("a name that is not there, one that is, and an empty pool", async () => {
  const pool = demoPool();
  await assertRejects(
    () => pool.loadModel("minst"),
    ModelPoolError,
    "model minst: not in the model pool, which has _pretrained_, emoji",
  );
  await assertRejects(
    () => Promise.resolve().then(() => pool.addModel("mnist", MNIST)),
    ModelPoolError,
    "already in the model pool",
  );
  await assertRejects(
    () =>
      new ConvNextForImageClassificationPool({ models: {} })
        .loadPretrainedOrFirstModel(),
    ModelPoolError,
    "empty",
  );
  await assertRejects(
    () =>
      new ConvNextForImageClassificationPool({ models: { mnist: MNIST } })
        .loadPretrainedModel(),
    ModelPoolError,
    "model _pretrained_: not in the model pool, which has mnist",
  );
});

for (const name of ["../escape", "a/b", "a\\b", "..", "."]) {
  Deno.test(`a model called ${name} cannot have a folder under heads/`, async () => {
    await assertRejects(
      () =>
        Promise.resolve().then(() =>
          new ConvNextForImageClassificationPool({ models: { [name]: MNIST } })
        ),
      ModelPoolError,
      JSON.stringify(name),
    );
  });
}

Deno.test("loadModel takes a name, a path, an entry and a loaded model", async () => {
  const pool = demoPool();
  const expected = await openCheckpoint(MNIST);
  const name = "convnext.encoder.stages.2.layers.1.pwconv1.weight";
  const values = await expected.read(name);
  expected.close();
  const loaded = await loadConvNext(MNIST);
  for (const entry of ["mnist", MNIST, { config_path: MNIST }, loaded]) {
    const model = await pool.loadModel(entry);
    assertEquals(await stateDictOf(model).read(name), values);
    assertEquals(fusionTargets(model), ["convnext"]);
    if (model !== loaded) model.dispose();
  }
  assertEquals(await pool.loadModel(loaded), loaded);
  loaded.dispose();
});

Deno.test("loadProcessor works where _pretrained_ is a plain string", async () => {
  const processor = await demoPool().loadProcessor();
  assertEquals(processor.toConfig()["size"], { shortest_edge: 32 });
  const described = new ConvNextForImageClassificationPool({
    models: { _pretrained_: { config_path: PRETRAINED } },
  });
  assertEquals(
    (await described.loadProcessor()).toConfig(),
    processor.toConfig(),
  );
  const model = await loadConvNext(MNIST);
  const mixed = new ConvNextForImageClassificationPool({
    models: { _pretrained_: model, mnist: MNIST },
  });
  assertEquals((await mixed.loadProcessor()).toConfig(), processor.toConfig());
  const loadedOnly = new ConvNextForImageClassificationPool({
    models: { _pretrained_: model },
  });
  await assertRejects(
    () => loadedOnly.loadProcessor(),
    ModelPoolError,
    "only loaded models",
  );
  model.dispose();
});

Deno.test("pretrained: false has the config's shapes and fresh weights", async () => {
  const model = await loadTransformersConvNext(MNIST, { pretrained: false });
  const view = stateDictOf(model);
  const file = await openCheckpoint(MNIST);
  assertEquals(view.names.toSorted(), file.names.toSorted());
  for (const name of file.names) {
    assertEquals(view.info(name).shape, file.info(name).shape);
  }
  file.close();
  const weights = await view.read(
    "convnext.encoder.stages.3.layers.0.pwconv1.weight",
  );
  const mean = weights.reduce((sum, w) => sum + w, 0) / weights.length;
  const deviation = Math.sqrt(
    weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / weights.length,
  );
  assert(Math.abs(mean) < 1e-3, `mean ${mean}`);
  assert(Math.abs(deviation - 0.02) < 1e-3, `deviation ${deviation}`);
  const scale = await view.read(
    "convnext.encoder.stages.0.layers.0.layer_scale_parameter",
  );
  assertEquals(scale, new Float32Array(scale.length).fill(0.1));
  assertEquals(
    await view.read("convnext.layernorm.weight"),
    new Float32Array(128).fill(1),
  );
  model.dispose();
});

Deno.test("dataset_name gives the head that data set's classes, the backbone stays", async () => {
  const pool = new ConvNextForImageClassificationPool({
    models: { mnist: { config_path: MNIST, dataset_name: "cifar100" } },
  });
  const model = await pool.loadModel("mnist");
  const classnames = await getClassnames("cifar100");
  assertEquals(classnames.length, 100);
  const config = configOf(model);
  assertEquals(labelsOf(config), classnames);
  assertEquals(config.label2id[classnames[7]!], 7);
  assertEquals(labelsOf(await pool.loadConfig("mnist")), classnames);
  const view = stateDictOf(model);
  assertEquals(view.info("classifier.weight").shape, [100, 128]);
  assertEquals(view.info("classifier.bias").shape, [100]);
  const file = await openCheckpoint(MNIST);
  for (
    const name of [
      "convnext.layernorm.bias",
      "convnext.embeddings.patch_embeddings.weight",
    ]
  ) {
    assertEquals(await view.read(name), await file.read(name));
  }
  file.close();
  const logits = model.predict(tf.zeros([1, 32, 32, 3])) as tf.Tensor;
  assertEquals(logits.shape, [1, 100]);
  logits.dispose();
  model.dispose();
  await assertRejects(
    () => loadTransformersConvNext(MNIST, { datasetName: "cifar11" }),
    Error,
    "cifar11",
  );
});

Deno.test("dataset_name keeps a head that fits", async () => {
  await inTemporaryFolder(async (folder) => {
    const labels = await getClassnames("mnist");
    const config = JSON.parse(await Deno.readTextFile(`${MNIST}/config.json`));
    config.id2label = Object.fromEntries(labels.map((label, i) => [i, label]));
    config.label2id = Object.fromEntries(labels.map((label, i) => [label, i]));
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    await Deno.copyFile(
      `${MNIST}/model.safetensors`,
      `${folder}/model.safetensors`,
    );
    const file = await openCheckpoint(folder);
    const expected = await file.read("classifier.weight");
    file.close();
    const kept = await loadTransformersConvNext(folder, {
      datasetName: "mnist",
    });
    assertEquals(await stateDictOf(kept).read("classifier.weight"), expected);
    kept.dispose();
    // As many classes, other names: a new head.
    const other = await loadTransformersConvNext(folder, {
      datasetName: "svhn",
    });
    assertEquals(stateDictOf(other).info("classifier.weight").shape, [10, 128]);
    const replaced = labelsOf(configOf(other)).join() !== labels.join();
    assertEquals(
      (await stateDictOf(other).read("classifier.weight"))
        .every((value, i) => value === expected[i]),
      !replaced,
    );
    other.dispose();
  });
});

Deno.test("models() and namedModels() give the experts in order", async () => {
  const pool = demoPool();
  const labels: Record<string, string[]> = {};
  for await (const [name, model] of pool.namedModels()) {
    labels[name] = labelsOf(configOf(model));
    model.dispose();
  }
  assertEquals(Object.keys(labels), pool.modelNames);
  assertEquals(labels["emoji"]?.length, 9);
  let count = 0;
  for await (const model of pool.models()) {
    assertEquals(labelsOf(configOf(model)), labels[pool.modelNames[count++]!]);
    model.dispose();
  }
  assertEquals(count, 4);
});

Deno.test("taskVectors are expert minus pretrained, without heads of other sizes", async () => {
  const vectors = await demoPool().taskVectors();
  assertEquals([...vectors.keys()], [
    "emoji",
    "fashion_mnist",
    "mnist",
    "optdigits",
  ]);
  const [expert, pretrained] = await Promise.all(
    [MNIST, PRETRAINED].map((path) => openCheckpoint(path)),
  );
  const vector = vectors.get("mnist")!;
  assert(!vector.names.includes("classifier.weight"));
  const name = "convnext.encoder.stages.0.layers.0.dwconv.weight";
  const [ours, theirs] = [
    await expert!.read(name),
    await pretrained!.read(name),
  ];
  assertEquals(await vector.read(name), ours.map((v, i) => v - theirs[i]!));
  assertEquals(
    await vector.read(name, 3, 8),
    ours.map((v, i) => v - theirs[i]!).slice(3, 8),
  );
  expert!.close();
  pretrained!.close();
  for (const vector of vectors.values()) vector.close();
});

Deno.test("data sets by task", async () => {
  const pool = demoPool();
  assertEquals(pool.trainDatasetNames, ["mnist"]);
  assertEquals(pool.valDatasetNames, []);
  assertEquals(pool.testDatasetNames, ["emoji"]);
  const train = await pool.loadTrainDataset("mnist");
  assertEquals([train.length, (await train.read(0)).image.width], [500, 28]);
  assertEquals((await pool.loadTestDataset("emoji")).length, 400);
  await assertRejects(
    () => pool.loadValDataset("mnist"),
    ModelPoolError,
    "val_datasets: none for task mnist",
  );
  await assertRejects(
    () => pool.loadTestDataset("mnist"),
    ModelPoolError,
    "it has emoji",
  );
});

Deno.test("saveModel, loaded again: tensors, labels and processor are the same", async () => {
  await inTemporaryFolder(async (folder) => {
    const pool = demoPool();
    const model = await pool.loadModel("emoji");
    await pool.saveModel(model, `${folder}/saved`);
    assertEquals(listNames(`${folder}/saved`), [
      "README.md",
      "config.json",
      "model.safetensors",
      "preprocessor_config.json",
    ]);
    const [saved, source] = await Promise.all(
      [`${folder}/saved`, DEMO_MODELS["emoji"]!].map((path) =>
        openCheckpoint(path)
      ),
    );
    assertEquals(saved!.names.toSorted(), source!.names.toSorted());
    for (const name of source!.names) {
      assertEquals(saved!.info(name), {
        dtype: "F32",
        shape: source!.info(name).shape,
      });
      assertEquals(await saved!.read(name), await source!.read(name));
    }
    saved!.close();
    source!.close();
    const again = await loadConvNext(`${folder}/saved`);
    assertEquals(labelsOf(configOf(again)), labelsOf(configOf(model)));
    again.dispose();
    model.dispose();
  });
});

Deno.test("a folder that is no model", async () => {
  await inTemporaryFolder(async (folder) => {
    await assertRejects(
      () => loadTransformersConvNext(folder),
      FusionError,
      folder,
    );
  });
});

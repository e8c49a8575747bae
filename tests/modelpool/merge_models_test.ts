import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { openCheckpoint, type StateDict } from "../../src/checkpoint/mod.ts";
import {
  configOf,
  labelsOf,
  loadConvNext,
  loadMultiTaskModel,
  stateDictOf,
} from "../../src/convnext/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { loadMethod } from "../../src/method/mod.ts";
import {
  type ConvNextEntry,
  ConvNextForImageClassificationPool,
  mergeModels,
  mergeToFolder,
} from "../../src/modelpool/mod.ts";
import { dataPath, mergeDifference } from "../reference.ts";
import {
  copyFolder,
  DEMO_MODELS,
  inTemporaryFolder,
  listNames,
} from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const EXPERTS = ["emoji", "fashion_mnist", "mnist", "optdigits"];
const method = await loadMethod("task_arithmetic", { scaling_factor: 0.3 });

function demoPool(
  models: Readonly<Record<string, ConvNextEntry>> = DEMO_MODELS,
): ConvNextForImageClassificationPool {
  return new ConvNextForImageClassificationPool({ models });
}

/** Distance of a merge of the demo pool from FusionBench's. */
async function distance(merged: StateDict): Promise<number> {
  const golden = await openCheckpoint(
    dataPath("tests/data/golden/merge_demo/task_arithmetic.safetensors"),
  );
  const pretrained = await openCheckpoint(DEMO_MODELS["_pretrained_"]!);
  const { difference } = await mergeDifference(merged, golden, pretrained);
  golden.close();
  pretrained.close();
  return difference;
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(path));
}

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await Deno.readFile(path),
  );
  return Array.from(
    new Uint8Array(digest),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

Deno.test("in memory, streamed, from loaded models, in any chunks: the golden and each other", async () => {
  await inTemporaryFolder(async (folder) => {
    const inMemory = await mergeModels(demoPool(), method);
    const expected = stateDictOf(inMemory.model);
    assert(await distance(expected) <= 5e-5);

    const equalToExpected = async (actual: StateDict, what: string) => {
      assertEquals(actual.names.toSorted(), expected.names.toSorted());
      for (const name of expected.names) {
        assertEquals(
          await actual.read(name),
          await expected.read(name),
          `${what}: ${name}`,
        );
      }
    };
    for (const chunkSize of [1000, 1 << 30]) {
      const path = `${folder}/${chunkSize}`;
      await mergeToFolder(demoPool(), method, path, {
        chunkSize,
        dtype: "float32",
      });
      const file = await openCheckpoint(path);
      await equalToExpected(file, `chunks of ${chunkSize}`);
      file.close();
    }

    const loaded: Record<string, tf.LayersModel> = {};
    for (const [name, path] of Object.entries(DEMO_MODELS)) {
      loaded[name] = await loadConvNext(path);
    }
    const fromLoaded = await mergeModels(demoPool(loaded), method, {
      chunkSize: 1000,
    });
    await equalToExpected(stateDictOf(fromLoaded.model), "loaded models");
    await mergeToFolder(demoPool(loaded), method, `${folder}/loaded`);
    const file = await openCheckpoint(`${folder}/loaded`);
    await equalToExpected(file, "loaded models, to a folder");
    file.close();
    for (const model of Object.values(loaded)) model.dispose();
    tf.dispose(fromLoaded.model.getWeights());
    await inMemory.dispose();
  });
});

Deno.test("merging takes the head of _pretrained_ along and keeps every expert's", async () => {
  const merged = await mergeModels(demoPool(), method);
  assertEquals(merged.tasks, EXPERTS);
  const heads = { _pretrained_: merged.model } as Record<
    string,
    tf.LayersModel
  >;
  for (const task of EXPERTS) heads[task] = await merged.forTask(task);
  for (const [name, model] of Object.entries(heads)) {
    const source = await openCheckpoint(DEMO_MODELS[name]!);
    for (const tensor of ["classifier.weight", "classifier.bias"]) {
      assertEquals(
        await stateDictOf(model).read(tensor),
        await source.read(tensor),
      );
    }
    source.close();
  }
  await merged.dispose();
});

Deno.test("without _pretrained_ the first model's head is kept", async () => {
  const { _pretrained_: _, ...experts } = DEMO_MODELS;
  const merged = await mergeModels(
    demoPool(experts),
    await loadMethod("simple_average", {}),
  );
  assertEquals(labelsOf(configOf(merged.model))[0], "smileys");
  await merged.dispose();
});

Deno.test("a merged folder keeps the contract", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/deep/er/merged`;
    const sources: Record<string, string> = {};
    for (const [name, source] of Object.entries(DEMO_MODELS)) {
      sources[name] = await sha256(`${source}/model.safetensors`);
    }
    let last = 0;
    await mergeToFolder(demoPool(), method, path, {
      onProgress: (done, total) => last = done / total,
    });
    assertEquals(last, 1);
    assertEquals(listNames(path), [
      "README.md",
      "config.json",
      "heads",
      "merge.json",
      "model.safetensors",
      "preprocessor_config.json",
    ]);
    assertEquals(listNames(`${folder}/deep/er`), ["merged"]);
    // The card is for others: no folders of this machine, nor as base_model.
    const card = await Deno.readTextFile(`${path}/README.md`);
    assertStringIncludes(card, "\n- base model: `pretrained`\n");
    for (const absent of ["base_model", dataPath("")]) {
      assert(!card.includes(absent), `${absent} in\n${card}`);
    }

    const base = await readJson(`${DEMO_MODELS["_pretrained_"]}/config.json`);
    const config = await readJson(`${path}/config.json`);
    assertEquals(config["id2label"], base["id2label"]);
    assertEquals(config["label2id"], base["label2id"]);
    assertEquals(config["architectures"], ["ConvNextForImageClassification"]);
    assertEquals(config["dtype"], "float16");
    for (const key of ["hidden_sizes", "depths", "layer_norm_eps"]) {
      assertEquals(config[key], base[key], key);
    }
    const processor = await readJson(`${path}/preprocessor_config.json`);
    const given = await readJson(
      `${DEMO_MODELS["_pretrained_"]}/preprocessor_config.json`,
    );
    for (const key of ["size", "crop_pct", "image_mean", "image_std"]) {
      assertEquals(processor[key], given[key], key);
    }

    assertEquals(listNames(`${path}/heads`), EXPERTS);
    for (const task of EXPERTS) {
      const [head, source] = await Promise.all(
        [`${path}/heads/${task}`, DEMO_MODELS[task]!].map((path) =>
          openCheckpoint(path)
        ),
      );
      assertEquals(head!.names.toSorted(), [
        "classifier.bias",
        "classifier.weight",
      ]);
      for (const name of head!.names) {
        assertEquals(head!.info(name), source!.info(name));
        assertEquals(await head!.read(name), await source!.read(name));
      }
      head!.close();
      source!.close();
      assertEquals(
        (await readJson(`${path}/heads/${task}/config.json`))["id2label"],
        (await readJson(`${DEMO_MODELS[task]}/config.json`))["id2label"],
      );
    }

    const info = await readJson(`${path}/merge.json`) as {
      method: string;
      parameters: unknown;
      fusion_targets: string[];
      models: Record<string, { path: string; sha256: Record<string, string> }>;
      versions: Record<string, string>;
    };
    assertEquals(info.method, "task_arithmetic");
    assertEquals(info.parameters, { scaling_factor: 0.3 });
    assertEquals(info.fusion_targets, ["convnext"]);
    assertEquals(Object.keys(info.models), Object.keys(DEMO_MODELS));
    for (const [name, { path, sha256 }] of Object.entries(info.models)) {
      assertEquals(path, DEMO_MODELS[name]);
      assertEquals(sha256, { "model.safetensors": sources[name]! });
    }
    assertEquals(
      info.versions["@convnext/fusion"],
      (await readJson(dataPath("deno.json")))["version"],
    );
    for (const [name, source] of Object.entries(DEMO_MODELS)) {
      assertEquals(
        await sha256(`${source}/model.safetensors`),
        sources[name],
        "sources are untouched",
      );
    }

    const reloaded = await loadMultiTaskModel(path);
    assertEquals(reloaded.tasks, EXPERTS);
    assertEquals(
      labelsOf(configOf(await reloaded.forTask("emoji"))).slice(0, 2),
      ["smileys", "people"],
    );
    await reloaded.dispose();
  });
});

for (
  const [dtype, stored, precision] of [
    ["float32", "F32", 0],
    ["float16", "F16", 2 ** -11],
    ["bfloat16", "BF16", 2 ** -8],
    [undefined, "F16", 2 ** -11],
  ] as const
) {
  Deno.test(`dtype ${dtype ?? "not given"} writes ${stored}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/merged`;
      await mergeToFolder(demoPool(), method, path, { dtype });
      const merged = await mergeModels(demoPool(), method);
      const expected = stateDictOf(merged.model);
      const file = await openCheckpoint(path);
      for (const name of file.names) {
        assertEquals(file.info(name).dtype, stored);
        const [ours, theirs] = [
          await file.read(name),
          await expected.read(name),
        ];
        for (const [i, value] of theirs.entries()) {
          // Half of a unit in the last place; float16 has subnormals.
          const bound = Math.abs(value) * precision + (precision && 2 ** -25);
          assert(
            Math.abs(ours[i]! - value) <= bound,
            `${name}[${i}]: ${ours[i]} for ${value}`,
          );
        }
      }
      file.close();
      await merged.dispose();
      const config = await readJson(`${path}/config.json`);
      assertEquals(config["dtype"], dtype ?? "float16");
      assertEquals("torch_dtype" in config, false);
    });
  });
}

Deno.test("a merged folder is replaced as a whole, other folders never", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/merged`;
    await mergeToFolder(demoPool(), method, path);
    const { emoji, mnist, _pretrained_ } = DEMO_MODELS as Record<
      "emoji" | "mnist" | "_pretrained_",
      string
    >;
    await mergeToFolder(demoPool({ _pretrained_, emoji, mnist }), method, path);
    assertEquals(listNames(`${path}/heads`), ["emoji", "mnist"]);
    assertEquals(listNames(folder), ["merged"]);
    await Deno.mkdir(`${folder}/thesis`);
    await Deno.writeTextFile(`${folder}/thesis/chapter.txt`, "precious");
    await assertRejects(
      () => mergeToFolder(demoPool(), method, `${folder}/thesis`),
      CheckpointError,
      "thesis",
    );
    assertEquals(listNames(`${folder}/thesis`), ["chapter.txt"]);
    assertEquals(listNames(folder), ["merged", "thesis"]);
  });
});

Deno.test("a merge that fails leaves the target as it was and nothing beside it", async () => {
  await inTemporaryFolder(async (folder) => {
    await copyFolder(DEMO_MODELS["mnist"]!, `${folder}/pool/broken`);
    const file = `${folder}/pool/broken/model.safetensors`;
    const { size } = await Deno.stat(file);
    const models = { ...DEMO_MODELS, zz_broken: `${folder}/pool/broken` };
    const path = `${folder}/out/merged`;
    await mergeToFolder(demoPool(), method, path);
    const before = await sha256(`${path}/model.safetensors`);

    // Cut while it is merged: the header was right when it was opened.
    let cut = false;
    await assertRejects(
      () =>
        mergeToFolder(demoPool(models), method, path, {
          chunkSize: 1000,
          onProgress: () => {
            if (!cut) Deno.truncateSync(file, size / 2);
            cut = true;
          },
        }),
      CheckpointError,
      "pool/broken/model.safetensors",
    );
    assertEquals(listNames(`${folder}/out`), ["merged"]);
    assertEquals(await sha256(`${path}/model.safetensors`), before);

    // Cut before.
    await assertRejects(
      () => mergeToFolder(demoPool(models), method, `${folder}/out/second`),
      CheckpointError,
      "cut off",
    );
    assertEquals(listNames(`${folder}/out`), ["merged"]);
  });
});

Deno.test("a pool with dataset_name merges, its new head has the data set's classes", async () => {
  await inTemporaryFolder(async (folder) => {
    const { mnist, emoji } = DEMO_MODELS as Record<"mnist" | "emoji", string>;
    const path = `${folder}/merged`;
    const before = tf.memory().numTensors;
    await mergeToFolder(
      demoPool({
        emoji,
        mnist: { config_path: mnist, dataset_name: "cifar10" },
      }),
      await loadMethod("simple_average", {}),
      path,
    );
    assertEquals(tf.memory().numTensors, before, "tensors are released");
    const config = await readJson(`${path}/heads/mnist/config.json`);
    assertEquals((config["id2label"] as Record<string, string>)["3"], "cat");
    const head = await openCheckpoint(`${path}/heads/mnist`);
    assertEquals(head.info("classifier.weight").shape, [10, 128]);
    head.close();
  });
});

Deno.test("a merge onto one of its sources is refused, and the source kept", async () => {
  await inTemporaryFolder(async (folder) => {
    await copyFolder(dataPath("tests/data/micro_pool"), folder);
    const pool = new ConvNextForImageClassificationPool({
      models: {
        _pretrained_: `${folder}/pretrained`,
        alpha: `${folder}/alpha`,
        beta: `${folder}/beta`,
      },
    });
    const average = await loadMethod("simple_average");
    for (const name of ["pretrained", "alpha", "beta"]) {
      await assertRejects(
        () => mergeToFolder(pool, average, `${folder}/${name}`),
        CheckpointError,
        "would overwrite",
      );
      assertEquals(
        await Deno.readFile(`${folder}/${name}/model.safetensors`),
        await Deno.readFile(
          dataPath(`tests/data/micro_pool/${name}/model.safetensors`),
        ),
      );
    }
  });
});

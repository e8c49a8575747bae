import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parse } from "@std/yaml";
import {
  elementCount,
  openCheckpoint,
  SafetensorsWriter,
} from "../../src/checkpoint/mod.ts";
import { openDataset } from "../../src/dataset/mod.ts";
import { HubServer } from "../hub_server/hub_server.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { walk } from "./hub_case.ts";

const PRESET = "ConvNextForImageClassification/convnext-base-224_8-tasks";
const TASKS = "ImageClassificationTaskPool/convnext-base-224_8-tasks";

/** The preset's repositories by the names of their models. */
async function presetModels(): Promise<Record<string, string>> {
  const path = dataPath(`config/modelpool/${PRESET}.yaml`);
  const { models } = parse(await Deno.readTextFile(path)) as {
    models: Record<string, string>;
  };
  return models;
}

/** Random numbers that are the same in every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

/**
 * Puts a micro model into a repository: weights off by up to a hundredth, and a
 * head of its own that always says one class.
 */
async function putMicroModel(
  hub: HubServer,
  folder: string,
  repository: string,
  seed: number,
  { classes, says }: { classes: number; says: number },
): Promise<void> {
  const micro = dataPath("tests/data/micro_pool/pretrained");
  const source = await openCheckpoint(micro);
  const path = join(folder, `${seed}.safetensors`);
  const shapeOf = (name: string): number[] => {
    const { shape } = source.info(name);
    return name.startsWith("classifier.")
      ? [classes, ...shape.slice(1)]
      : [...shape];
  };
  const writer = await SafetensorsWriter.create(
    path,
    source.names.map((name) => ({ name, dtype: "F32", shape: shapeOf(name) })),
  );
  const next = noise(seed);
  for (const name of source.names) {
    const values = await source.read(name);
    const written = name.startsWith("classifier.")
      ? new Float32Array(elementCount(shapeOf(name))).map(() => next() / 50)
      : values.map((value) => value * (1 + next() / 50));
    if (name === "classifier.bias") written[says] = 50;
    await writer.write(name, 0, written);
  }
  await writer.finish();
  source.close();
  const { id2label: _, label2id: __, ...config } = JSON.parse(
    await Deno.readTextFile(`${micro}/config.json`),
  );
  const labels = Array.from({ length: classes }, (_, i) => `LABEL_${i}`);
  hub.put(repository, {
    "config.json": JSON.stringify({
      ...config,
      id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
      label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    }),
    "model.safetensors": await Deno.readFile(path),
    "preprocessor_config.json": await Deno.readTextFile(
      dataPath("tests/data/demo_pool/pretrained/preprocessor_config.json"),
    ),
    "README.md": "not needed",
  });
}

/** The preset's test sets: repositories, classes, labels of a few images. */
async function putTestSets(
  hub: HubServer,
): Promise<Record<string, { classes: number; labels: number[] }>> {
  const sets: Record<string, { classes: number; labels: number[] }> = {};
  for (const [task, repository] of Object.entries(TEST_SETS)) {
    const folder = dataPath(`tests/data/eight_tasks/${repository}`);
    await hub.putFolder(repository, folder, { type: "dataset" });
    const dataset = await openDataset(folder, { split: "test" });
    const labels: number[] = [];
    for (let i = 0; i < dataset.length; i++) {
      labels.push((await dataset.read(i)).label);
    }
    sets[task] = { classes: dataset.classNames!.length, labels };
  }
  return sets;
}

/** Where FusionBench's presets have the eight tasks' images. */
const TEST_SETS: Record<string, string> = {
  sun397: "tanganke/sun397",
  "stanford-cars": "tanganke/stanford_cars",
  resisc45: "tanganke/resisc45",
  eurosat: "tanganke/eurosat",
  svhn: "ufldl-stanford/svhn",
  gtsrb: "tanganke/gtsrb",
  mnist: "ylecun/mnist",
  dtd: "tanganke/dtd",
};

async function fusion(
  words: string[],
  env: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url)),
      ...words,
    ],
    env: { HF_TOKEN: "hf_me", HF_HUB_OFFLINE: "", HF_HUB_CACHE: "", ...env },
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("the eight-task preset is downloaded, merged, evaluated, saved and pushed", async () => {
  await inTemporaryFolder(async (folder) => {
    await using hub = new HubServer();
    hub.users.set("hf_me", { name: "me", write: true });
    const models = await presetModels();
    assertEquals(Object.keys(models).length, 9);
    const sets = await putTestSets(hub);
    for (const [seed, name] of Object.keys(models).entries()) {
      const { classes, labels } = sets[name] ?? { classes: 10, labels: [0] };
      await putMicroModel(hub, folder, models[name]!, seed, {
        classes,
        says: labels[0]!,
      });
    }
    hub.fault({ path: /^storage:/, resetAt: 2_000, times: 5 });
    hub.fault({ path: /revision/, status: 503, times: 2 });

    const env = { HF_ENDPOINT: hub.url, HF_HOME: join(folder, "hf") };
    const out = join(folder, "out");
    const words = [
      "method=simple_average",
      `modelpool=${PRESET}`,
      "backend=wasm",
      `merged_model_save_path=${out}`,
    ];
    const report = join(folder, "report.json");
    const merge = await fusion(
      [...words, `taskpool=${TASKS}`, `report_save_path=${report}`],
      env,
    );
    assertEquals(merge.code, 0, merge.stderr);
    assertEquals(hub.seen(/models?.*README/), []);
    // Of the data sets, the test splits and no more.
    assertEquals(hub.seen(/resolve\/.*\/train-/), []);
    const { model_info, average, ...results } = JSON.parse(
      await Deno.readTextFile(report),
    );
    assertEquals(Object.keys(results), Object.keys(TEST_SETS));
    for (const [task, { labels }] of Object.entries(sets)) {
      assertEquals(labels.length, 6);
      const right = labels.filter((label) => label === labels[0]).length;
      assertAlmostEquals(results[task].accuracy, right / 6, 1e-6, task);
    }
    assertEquals(model_info.name, "simple_average");
    const card = await Deno.readTextFile(join(out, "README.md"));
    assertStringIncludes(card, "## Results");
    assertEquals(
      (parse(card.split("---\n")[1]!) as { base_model: string[] }).base_model,
      Object.values(models),
    );

    const snapshots = Object.entries(models).map(([name, repository]) => {
      const cached = join(
        folder,
        `hf/hub/models--${repository.replace("/", "--")}`,
      );
      const commit = Deno.readTextFileSync(join(cached, "refs", "main"));
      return { name, path: join(cached, "snapshots", commit) };
    });
    const merged = await openCheckpoint(out);
    const experts = await Promise.all(
      snapshots.filter(({ name }) => name !== "_pretrained_").map(({ path }) =>
        openCheckpoint(path)
      ),
    );
    for (const name of merged.names) {
      if (!name.startsWith("convnext.")) continue;
      const length = elementCount(merged.info(name).shape);
      const values = await merged.read(name, 0, length);
      const sources = await Promise.all(
        experts.map((expert) => expert.read(name, 0, length)),
      );
      for (let i = 0; i < length; i++) {
        const mean = sources.reduce((sum, source) => sum + source[i]!, 0) / 8;
        assert(
          Math.abs(values[i]! - mean) <= 1e-6 * Math.abs(mean) + 1e-12,
          `${name}[${i}] is ${values[i]}, expected ${mean}`,
        );
      }
    }
    merged.close();
    experts.forEach((expert) => expert.close());

    // Without the hub, the cache has it all.
    const again = join(folder, "again");
    const offline = await fusion([
      ...words,
      "taskpool=null",
      `merged_model_save_path=${again}`,
    ], { ...env, HF_ENDPOINT: "http://127.0.0.1:1", HF_HUB_OFFLINE: "1" });
    assertEquals(offline.code, 0, offline.stderr);
    assertEquals(
      await Deno.readFile(join(again, "model.safetensors")),
      await Deno.readFile(join(out, "model.safetensors")),
    );

    const push = await fusion(["push", out, "me/merged"], env);
    assertEquals(push.code, 0, push.stderr);
    const repository = hub.repositories.get("models/me/merged")!;
    const commit = repository.resolve("main")!;
    assertEquals(push.stdout, `${hub.url}/me/merged/commit/${commit}\n`);
    assertEquals(
      [...repository.commits.get(commit)!.keys()].sort(),
      walk(out),
    );
    assertEquals(walk(out).length, 5 + 2 * 8);

    // What came back from the hub is what was evaluated.
    const back = await fusion([
      "evaluate",
      "model=me/merged",
      `taskpool=${TASKS}`,
      "backend=wasm",
      "--json",
    ], env);
    assertEquals(back.code, 0, back.stderr);
    const { model_info: __, ...evaluated } = JSON.parse(back.stdout);
    assertEquals(evaluated, { ...results, average });

    const missing = await fusion(["push", "nowhere", "me/merged"], env);
    assertEquals(missing.code, 2);
    assertStringIncludes(missing.stderr, "error: nowhere has no config.json");
  });
});

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { ConfigError } from "../../src/fusion_error.ts";
import {
  composeEvaluateConfig,
  composeRunConfig,
  type RunConfig,
} from "../../src/config/mod.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url)).replace(/\/$/, "");
const FUSION_BENCH = join(ROOT, "tests/config/fusion_bench");
const POOL = "ConvNextForImageClassification";

async function run(...args: string[]): Promise<RunConfig> {
  return (await composeRunConfig(args)).config;
}

async function refuse(args: string[], message: string): Promise<void> {
  const error = await assertRejects(
    () => composeRunConfig(args),
    ConfigError,
    message,
  );
  assertMatch((error as Error).message, /^[^\n]+$/);
}

Deno.test("run: presets, overrides, defaults, positional, origins", async () => {
  const { config, positional, where } = await composeRunConfig([
    "method=weighted_average",
    "method.weights=[0.1,0.2,0.3,0.4]",
    "modelpool=demo",
    "taskpool=demo",
    "taskpool.dataloader_kwargs.batch_size=8",
    "dtype=float16",
    "rest",
  ]);
  assertEquals(config.method, {
    path: "linear/weighted_average",
    parameters: { normalize: true, weights: [0.1, 0.2, 0.3, 0.4] },
  });
  assertEquals(config.modelpool, {
    _target_: "ConvNextForImageClassificationPool",
    models: {
      _pretrained_: join(ROOT, "demo/pool/pretrained"),
      cyrillic: join(ROOT, "demo/pool/cyrillic"),
      digits: join(ROOT, "demo/pool/digits"),
      greek: join(ROOT, "demo/pool/greek"),
      latin: join(ROOT, "demo/pool/latin"),
    },
  });
  assertEquals(config.taskpool?.dataloader_kwargs.batch_size, 8);
  assertEquals(
    config.taskpool?.test_datasets["greek"],
    join(ROOT, "demo/data/greek/test"),
  );
  assertEquals(config.dtype, "float16");
  assertEquals(config.backend, "auto");
  assertEquals(config.allow_nonfinite, false);
  assertEquals(positional, ["rest"]);
  assertEquals(where("method.weights"), "command line");
  assertEquals(
    where("method.normalize"),
    "config/method/linear/weighted_average.yaml",
  );
});

Deno.test("run: FusionBench's own pools are read as they are, and as presets", async () => {
  for (
    const name of [
      `${POOL}/convnext-base-224`,
      `${POOL}/convnext-base-224_8-tasks`,
    ]
  ) {
    const [theirs, ours, bare] = await Promise.all([
      run(
        "method=simple_average",
        `modelpool=${FUSION_BENCH}/modelpool/${name}.yaml`,
      ),
      run("method=simple_average", `modelpool=${name}.yaml`),
      run("method=simple_average", `modelpool=${name.split("/")[1]}`),
    ]);
    assertEquals(theirs.modelpool, ours.modelpool);
    assertEquals(theirs.modelpool, bare.modelpool);
  }
  const { modelpool } = await run(
    "method=simple_average",
    `modelpool=${POOL}/convnext-base-224`,
    "modelpool.models._pretrained_.dataset_name=cifar10",
  );
  assertEquals(modelpool.models["_pretrained_"], {
    config_path: "facebook/convnext-base-224",
    pretrained: true,
    dataset_name: "cifar10",
  });
});

Deno.test("run: FusionBench's own task pools are read as they are", async () => {
  const path =
    `${FUSION_BENCH}/taskpool/ImageClassificationTaskPool/convnext-base-224_8-tasks.yaml`;
  const { taskpool } = await run(
    "method=simple_average",
    "modelpool=demo",
    `taskpool=${path}`,
  );
  assertEquals(taskpool?._target_, "ImageClassificationTaskPool");
  assertEquals(taskpool?.processor, "facebook/convnext-base-224");
  assertEquals(Object.keys(taskpool!.test_datasets).length, 8);
  assertEquals(taskpool?.test_datasets["mnist"], {
    _target_: "datasets.load_dataset",
    path: "ylecun/mnist",
    split: "test",
  });
  const preset = await run(
    "method=simple_average",
    "modelpool=demo",
    "taskpool=convnext-base-224_8-tasks",
  );
  assertEquals(preset.taskpool, taskpool);
  const dummy = await run(
    "method=simple_average",
    "modelpool=demo",
    `taskpool=${FUSION_BENCH}/taskpool/dummy.yaml`,
  );
  assertEquals(dummy.taskpool?._target_, "DummyTaskPool");
});

Deno.test("run: a method's file is known by its _target_", async () => {
  for (
    const [file, path, parameters] of [
      ["simple_average", "simple_average", {}],
      ["task_arithmetic", "task_arithmetic", { scaling_factor: 0.3 }],
      ["linear/weighted_average", "linear/weighted_average", {
        normalize: true,
        weights: [0.5, 0.5],
      }],
    ] as const
  ) {
    const { method } = await run(
      `method=${FUSION_BENCH}/method/${file}.yaml`,
      "modelpool=demo",
    );
    assertEquals(method, { path, parameters });
  }
});

Deno.test("run: a file with all keys; the command line counts more", async () => {
  const file = `config=${ROOT}/config/run.yaml`;
  const plain = await run(file);
  assertEquals(plain.method.path, "simple_average");
  assertEquals(Object.keys(plain.modelpool.models).length, 5);
  const changed = await run(
    file,
    "method=task_arithmetic",
    "~taskpool",
    "seed=3",
  );
  assertEquals(changed.method.path, "task_arithmetic");
  assertEquals(changed.taskpool, undefined);
  assertEquals(changed.seed, 3);
  const theirs = await run(
    `config=${FUSION_BENCH}/fabric_model_fusion.yaml`,
    "method=simple_average",
    "modelpool=demo",
  );
  assertEquals(theirs.taskpool?._target_, "DummyTaskPool");
});

Deno.test("run: an added model and a deleted one", async () => {
  const { modelpool } = await run(
    "method=simple_average",
    "modelpool=demo",
    "~modelpool.models._pretrained_",
    "+modelpool.models.more={config_path:a/b,pretrained:false}",
  );
  assertEquals(Object.keys(modelpool.models).at(0), "cyrillic");
  assertEquals(modelpool.models["more"], {
    config_path: "a/b",
    pretrained: false,
  });
});

Deno.test("run: wrong input is told in one line", async () => {
  const good = ["method=task_arithmetic", "modelpool=demo"];
  await refuse(
    ["method=task_aritmetic", "modelpool=demo"],
    "did you mean task_arithmetic?",
  );
  await refuse(
    ["method=task_arithmetic", "modelpool=dmo"],
    "did you mean demo?",
  );
  await refuse(["modelpool=demo"], "method: missing, expected method=NAME");
  await refuse(["method=task_arithmetic"], "such as modelpool=demo");
  await refuse(
    [...good, "dtyp=x"],
    "command line: dtyp: there is no such key, did you mean dtype?",
  );
  await refuse(
    [...good, "dtype=int8"],
    "command line: dtype: found 'int8', expected float32, float16 or bfloat16",
  );
  await refuse(
    [...good, "modelpool.modles.a=b"],
    "command line: modelpool.modles: there is no such key, did you mean modelpool.models?",
  );
  await refuse(
    [...good, "modelpool.models.latin=3"],
    "command line: modelpool.models.latin: found 3, expected text or a mapping",
  );
  await refuse(
    [...good, "modelpool.models.latin={config_pth:a}"],
    "did you mean modelpool.models.latin.config_path?",
  );
  await refuse(
    [...good, "modelpool.models=???"],
    "modelpool.models: found ???",
  );
  await refuse(
    [...good, "chunk_size=0"],
    "chunk_size: found 0, expected a number of at least 1",
  );
  await refuse(
    [...good, "seed=1.5"],
    "seed: found 1.5, expected a whole number",
  );
  await refuse(
    [...good, "merged_model_save_path="],
    "merged_model_save_path: found '', expected text",
  );
  await refuse(
    [...good, "dry_run=yes"],
    "dry_run: found 'yes', expected true or false",
  );
  await refuse([
    ...good,
    "modelpool._target_=fusion_bench.modelpool.ConvNextForImageClasificationPool",
  ], "did you mean ConvNextForImageClassificationPool?");
  await refuse(
    [...good, "taskpool=demo", "taskpool.test_datasets=null"],
    "taskpool.test_datasets: found null, expected a test set",
  );
  await refuse([...good, "config=nope.yaml"], "nope.yaml: not found");
});

Deno.test("evaluate: model and task pool", async () => {
  const { config } = await composeEvaluateConfig([
    "model=out",
    "taskpool=demo",
  ]);
  assertEquals(config.model, "out");
  assertEquals(Object.keys(config.taskpool.test_datasets).length, 4);
  await assertRejects(
    () => composeEvaluateConfig(["model=out"]),
    ConfigError,
    "taskpool: missing, expected taskpool=NAME, such as taskpool=demo",
  );
  await assertRejects(
    () => composeEvaluateConfig(["taskpool=demo"]),
    ConfigError,
    "command line: model: missing, expected model=DIR, a model's folder or repository id",
  );
});

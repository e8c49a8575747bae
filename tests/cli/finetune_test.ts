import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadConvNext, readConvNextConfig } from "../../src/convnext/mod.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const MODEL = `model=${dataPath("tests/data/demo_pool/pretrained")}`;
const TRAIN = dataPath("tests/data/demo_data/optdigits/test");
const NAMES = "class_names=[0,1,2,3,4,5,6,7,8,9]";

Deno.test("fusion finetune makes an expert's folder", async () => {
  await inTemporaryFolder(async (folder) => {
    const output = `${folder}/expert`;
    for (const name of ["2", "7"]) {
      await Deno.mkdir(`${folder}/val/${name}`, { recursive: true });
      await Deno.copyFile(
        dataPath("tests/data/images/grey.png"),
        `${folder}/val/${name}/grey.png`,
      );
    }
    const words = [
      "finetune",
      MODEL,
      `train=${TRAIN}`,
      `val=${folder}/val`,
      NAMES,
      `output=${output}`,
      "optimizer=adamw",
      "optimizer.weight_decay=0.05",
      "lr=0.002",
      "lr_scheduler=cosine",
      "training_data_ratio=0.05",
      "batch_size=16",
      "max_steps=3",
      `backend=${testBackendName}`,
      "--json",
    ];
    const { status, output: text, errors } = await runMain(...words);
    assertEquals(status, 0, errors.join("\n"));
    const result = JSON.parse(text);
    assertEquals([result.output, result.steps], [output, 3]);
    // One picture in two classes.
    assert([0, 0.5].includes(result.val.accuracy), text);
    const { id2label, architectures } = await readConvNextConfig(output);
    assertEquals(Object.values(id2label), [..."0123456789"]);
    assertEquals(architectures, ["ConvNextForImageClassification"]);
    // The card is for others: no folders of this machine, nor as base_model.
    const card = await Deno.readTextFile(`${output}/README.md`);
    assertStringIncludes(card, "\n- `pretrained`\n");
    for (const absent of ["base_model", folder, dataPath("")]) {
      assert(!card.includes(absent), `${absent} in\n${card}`);
    }
    (await loadConvNext(output)).dispose();
    assertEquals(listNames(output), [
      "README.md",
      "config.json",
      "model.safetensors",
      "preprocessor_config.json",
    ]);
    const log = listNames(`${output}.training`);
    assertEquals([log[0], log[2]], ["checkpoints", "metrics.csv"]);
    assertStringIncludes(log[1]!, "events.out.tfevents.");
    const weights = await Deno.readFile(`${output}/model.safetensors`);
    await Deno.remove(output, { recursive: true });
    // The training is over: only the expert is written again.
    assertEquals((await runMain(...words)).status, 0);
    assertEquals(await Deno.readFile(`${output}/model.safetensors`), weights);
  });
});

Deno.test("fusion finetune: whose classes the head has", async () => {
  await inTemporaryFolder(async (folder) => {
    const images = `${folder}/images`;
    for (const name of ["a", "b", "c"]) {
      await Deno.mkdir(`${images}/${name}`, { recursive: true });
      await Deno.copyFile(
        dataPath("tests/data/images/grey.png"),
        `${images}/${name}/grey.png`,
      );
    }
    const pretrained = await readConvNextConfig(MODEL.slice("model=".length));
    const own = Object.values(pretrained.id2label);
    const kept = `head: that of ${
      MODEL.slice(6)
    } is kept, with ${own.length} classes`;
    for (
      const [i, [train, labels, line]] of ([
        // Folders name classes: a new head.
        [images, ["a", "b", "c"], undefined],
        // IDX files name none: that is told.
        [TRAIN, own, kept],
      ] as const).entries()
    ) {
      const output = `${folder}/expert${i}`;
      const { status, errors } = await runMain(
        "finetune",
        MODEL,
        `train=${train}`,
        `output=${output}`,
        "training_data_ratio=0.01",
        "save_top_k=0",
        "batch_size=2",
        "max_steps=2",
        `backend=${testBackendName}`,
      );
      assertEquals(status, 0, errors.join("\n"));
      const { id2label } = await readConvNextConfig(output);
      assertEquals(Object.values(id2label), labels);
      const told = errors.filter((error) => error.startsWith("head: "));
      assertEquals(told.length, line ? 1 : 0, errors.join("\n"));
      if (line) assertStringIncludes(told[0]!, line);
    }
  });
});

Deno.test("fusion finetune tells before it trains that it may not write", async () => {
  await inTemporaryFolder(async (folder) => {
    await Deno.mkdir(`${folder}/notes`);
    await Deno.writeTextFile(`${folder}/notes/thesis.txt`, "mine");
    for (
      const [words, expected] of [
        [[`output=${folder}/notes`], "is a folder with other files"],
        [
          [`output=${folder}/expert/`, `log_dir=${folder}/expert/log`],
          `log_dir=${folder}/expert/log: it lies in output=${folder}/expert/`,
        ],
      ] as const
    ) {
      const { status, errors } = await runMain(
        "finetune",
        MODEL,
        `train=${TRAIN}`,
        NAMES,
        "max_steps=1",
        "batch_size=1",
        `backend=${testBackendName}`,
        ...words,
      );
      assertEquals(status, 2);
      assertStringIncludes(errors.join("\n"), expected);
      assertEquals(listNames(folder), ["notes"]);
    }
  });
});

for (
  const [name, words, expected] of [
    ["no images", [], "train: missing, expected train=FOLDER"],
    ["a missing folder", ["train=nowhere"], "nowhere: no such folder"],
    [
      "labels outside the head",
      [`train=${TRAIN}`, "class_names=[a,b]"],
      "is outside the head, which has 2 classes (0 to 1)",
    ],
    [
      "an unknown optimizer",
      [`train=${TRAIN}`, NAMES, "optimizer=rmsprop"],
      "optimizer: found rmsprop, expected sgd, adam or adamw",
    ],
    [
      "an option of another optimizer",
      [`train=${TRAIN}`, NAMES, "optimizer={name: adam, momentum: 0.9}"],
      "optimizer.momentum: there is no such key",
    ],
    [
      "an unknown schedule",
      [`train=${TRAIN}`, NAMES, "lr_scheduler=cosin"],
      "lr_scheduler: found cosin, expected constant, cosine or step",
    ],
    [
      "two lengths",
      [`train=${TRAIN}`, NAMES, "max_epochs=2"],
      "max_steps: found 1 beside max_epochs=2, expected one of them",
    ],
    [
      "no steps",
      [`train=${TRAIN}`, NAMES, "max_steps=0"],
      "max_steps: found 0, expected a whole number above 0, or -1 for none",
    ],
    [
      "fewer steps than none",
      [`train=${TRAIN}`, NAMES, "max_steps=-2"],
      "max_steps: found -2, expected a whole number above 0, or -1 for none",
    ],
    [
      "no epochs",
      [`train=${TRAIN}`, NAMES, "max_steps=null", "max_epochs=0"],
      "max_epochs: found 0, expected a whole number above 0, or -1 for none",
    ],
    [
      "no length",
      [`train=${TRAIN}`, NAMES, "max_steps=-1", "max_epochs=-1"],
      "max_steps: found none, and no max_epochs, expected one of them above 0",
    ],
    [
      "an unknown data set",
      [`train=${TRAIN}`, "dataset_name=mnits"],
      "did you mean mnist?",
    ],
    [
      "a mistyped key",
      [`train=${TRAIN}`, "batchsize=3"],
      "batchsize: there is no such key, did you mean batch_size?",
    ],
  ] as const
) {
  Deno.test(`fusion finetune: ${name}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const { status, output, errors } = await runMain(
        "finetune",
        MODEL,
        `output=${folder}/expert`,
        "max_steps=1",
        `backend=${testBackendName}`,
        ...words,
      );
      assertEquals([status, output, errors.length], [2, "", 1], `${errors}`);
      assertStringIncludes(errors[0]!, expected);
    });
  });
}

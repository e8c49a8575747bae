import { assertEquals, assertStringIncludes } from "@std/assert";
import { openCheckpoint } from "../../src/checkpoint/mod.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const BACKEND = `backend=${testBackendName}`;

/** Converts a folder into another, into another, …; gives the last. */
async function convert(
  from: string,
  folder: string,
  ...formats: string[]
): Promise<string> {
  let path = from;
  for (const [i, format] of formats.entries()) {
    const output = `${folder}/${formats.slice(0, i + 1).join("-")}`;
    const result = await runMain(
      "convert",
      `input=${path}`,
      `output=${output}`,
      `format=${format.split(" ")[0]}`,
      ...format.split(" ").slice(1),
      BACKEND,
    );
    assertEquals([result.status, result.output], [0, output]);
    path = output;
  }
  return path;
}

async function assertSameFiles(
  actual: string,
  expected: string,
  names = ["config.json", "model.safetensors"],
): Promise<void> {
  for (const name of names) {
    const [ours, theirs] = await Promise.all(
      [actual, expected].map((path) => Deno.readFile(`${path}/${name}`)),
    );
    assertEquals(ours!.toHex() === theirs!.toHex(), true, `${actual}: ${name}`);
  }
}

for (
  const source of [
    "tests/data/demo_pool/emoji",
    "tests/data/formats/convnextv2",
  ]
) {
  Deno.test(`${source} -> LayersModel -> back: the same bytes`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = dataPath(source);
      const back = await convert(path, folder, "tensorflowjs", "huggingface");
      await assertSameFiles(back, path);
    });
  });
}

for (
  const source of [
    "tests/data/demo_pool/emoji",
    "tests/data/formats/convnextv2",
  ]
) {
  Deno.test(`${source} -> pytorch_model.bin -> others -> back: the same bytes`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = dataPath(source);
      const pytorch = "huggingface weights=pytorch";
      for (const way of [[pytorch], [pytorch, "tensorflowjs", pytorch]]) {
        const back = await convert(path, folder, ...way, "huggingface");
        await assertSameFiles(back, path);
      }
      const written = listNames(`${folder}/${pytorch}`);
      assertEquals(written.filter((name) => /model/.test(name)), [
        "pytorch_model.bin",
      ]);
    });
  });
}

Deno.test("timm -> others -> back: the same bytes", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = dataPath("tests/data/formats/timm");
    for (
      const way of [
        ["huggingface"],
        ["timm weights=pytorch"],
        ["tensorflowjs"],
        ["huggingface", "tensorflowjs"],
        ["tensorflowjs", "huggingface"],
      ]
    ) {
      await assertSameFiles(await convert(path, folder, ...way, "timm"), path);
    }
    assertEquals(listNames(`${folder}/huggingface`), [
      "config.json",
      "model.safetensors",
      "preprocessor_config.json",
      "timm_config.json",
    ]);
  });
});

for (const name of ["timm_conv_mlp", "timm_v2"]) {
  Deno.test(`${name}, a bare .bin: the same tensors, then the same bytes`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = dataPath(`tests/data/formats/${name}/pytorch_model.bin`);
      const first = await convert(path, folder, "huggingface");
      const timm = await convert(path, folder, "huggingface", "timm");
      const [ours, theirs] = await Promise.all(
        [timm, path].map((path) => openCheckpoint(path)),
      );
      assertEquals(ours!.names.toSorted(), theirs!.names.toSorted());
      for (const name of theirs!.names) {
        assertEquals(ours!.info(name), theirs!.info(name));
        assertEquals(await ours!.read(name), await theirs!.read(name));
      }
      ours!.close();
      theirs!.close();
      const way = ["huggingface", "timm", "huggingface", "timm"];
      const last = await convert(path, folder, ...way);
      await assertSameFiles(last, timm);
      await assertSameFiles(
        `${folder}/${way.slice(0, 3).join("-")}`,
        first,
      );
      const tfjs = await convert(path, folder, "tensorflowjs", "huggingface");
      await assertSameFiles(tfjs, first);
    });
  });
}

Deno.test("dtype= is written into weights and config", async () => {
  await inTemporaryFolder(async (folder) => {
    const output = `${folder}/half`;
    const { status } = await runMain(
      "convert",
      `input=${dataPath("tests/data/formats/convnextv2")}`,
      `output=${output}`,
      "format=huggingface",
      "dtype=float16",
    );
    assertEquals(status, 0);
    const config = JSON.parse(await Deno.readTextFile(`${output}/config.json`));
    assertEquals(config.dtype, "float16");
    assertEquals(config.architectures, ["ConvNextV2ForImageClassification"]);
    const file = await openCheckpoint(output);
    assertEquals(file.info("classifier.weight").dtype, "F16");
    file.close();
  });
});

Deno.test("what cannot be converted is told in a line, and nothing is written", async () => {
  await inTemporaryFolder(async (folder) => {
    const data = (name: string) => dataPath(`tests/data/formats/${name}`);
    await Deno.mkdir(`${folder}/empty`);
    for (
      const [input, format, words] of [
        [data("convnextv2"), "timm", "patch_size = 2"],
        [data("pytorch/evil.bin"), "huggingface", "system"],
        [data("pytorch/zip.bin"), "huggingface", "config.json: not found"],
        [`${folder}/empty`, "huggingface", "empty"],
        [data("timm"), "onnx", "format"],
      ] as const
    ) {
      const { status, output, errors } = await runMain(
        "convert",
        `input=${input}`,
        `output=${folder}/out`,
        `format=${format}`,
      );
      assertEquals([status, output, errors.length], [2, "", 1], words);
      assertStringIncludes(errors[0]!, words);
      assertEquals(listNames(folder), ["empty"]);
    }
  });
});

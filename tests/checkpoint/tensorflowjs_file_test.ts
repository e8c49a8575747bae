import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  listCheckpointFiles,
  openCheckpoint,
  openTensorflowjs,
} from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend } from "../test_backend.ts";

await testBackend();

const SPECS: tf.io.WeightsManifestEntry[] = [
  { name: "layer/kernel", shape: [3, 5], dtype: "float32" },
  {
    name: "layer/half",
    shape: [7],
    dtype: "float32",
    quantization: { dtype: "float16" },
  },
  {
    name: "layer/byte",
    shape: [2, 1, 3],
    dtype: "float32",
    quantization: { dtype: "uint8", min: -0.3, scale: 0.017 },
  },
  {
    name: "layer/short",
    shape: [5],
    dtype: "float32",
    quantization: { dtype: "uint16", min: 1.25, scale: 3e-5 },
  },
  {
    name: "layer/whole",
    shape: [4],
    dtype: "int32",
    quantization: { dtype: "uint8", min: -3, scale: 0.5 },
  },
  { name: "iterations", shape: [], dtype: "int32" },
  { name: "flags", shape: [3], dtype: "bool" },
  { name: "nothing", shape: [2, 0], dtype: "float32" },
  { name: "last", shape: [2], dtype: "float32" },
];
const BYTES = 3 * 5 * 4 + 7 * 2 + 6 + 5 * 2 + 4 + 4 + 3 + 2 * 4;

/** Bytes of which every float32 and float16 is a number. */
function someBytes(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BYTES).map((_, i) => i * 37 % 120);
  bytes.set([1, 0, 1], BYTES - 11); // booleans
  return bytes;
}

/** A model of three weight files, cut in the middle of numbers. */
async function write(
  folder: string,
  change: (manifest: tf.io.WeightsManifestConfig) => void = () => {},
): Promise<string> {
  const bytes = someBytes();
  const cuts = [0, 41, 42, BYTES];
  const paths = cuts.slice(1).map((_, i) => `group1-shard${i + 1}of3.bin`);
  for (const [i, path] of paths.entries()) {
    const part = bytes.subarray(cuts[i], cuts[i + 1]);
    await Deno.writeFile(`${folder}/${path}`, part);
  }
  const weightsManifest = structuredClone([{ paths, weights: SPECS }]);
  change(weightsManifest);
  await Deno.writeTextFile(
    `${folder}/model.json`,
    JSON.stringify({ weightsManifest, userDefinedMetadata: { of: "mine" } }),
  );
  return `${folder}/model.json`;
}

Deno.test("a LayersModel's weights are those that TensorFlow.js reads", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = await write(folder);
    const expected = tf.io.decodeWeights(someBytes().buffer, SPECS);
    const file = await openTensorflowjs(path);
    assertEquals(file.userDefinedMetadata, { of: "mine" });
    assertEquals(file.names, Object.keys(expected));
    for (const [name, tensor] of Object.entries(expected)) {
      const values = Float32Array.from(await tensor.data());
      assertEquals(file.info(name).shape, tensor.shape);
      assertEquals(await file.read(name), values, name);
      for (let begin = 0; begin <= values.length; begin++) {
        assertEquals(
          await file.read(name, begin, Math.min(begin + 2, values.length)),
          values.slice(begin, begin + 2),
          name,
        );
      }
    }
    assertEquals(
      file.names.map((name) => file.info(name).dtype).join(" "),
      "F32 F16 F32 F32 I32 I32 BOOL F32 F32",
    );
    await assertRejects(() => file.read("last", 0, 3), CheckpointError, "last");
    await assertRejects(() => file.read("lost"), CheckpointError, "lost");
    file.close();
    tf.dispose(expected);
  });
});

Deno.test("openCheckpoint and listCheckpointFiles know a LayersModel's folder", async () => {
  await inTemporaryFolder(async (folder) => {
    await write(folder);
    const file = await openCheckpoint(folder);
    assertEquals(file.names.length, SPECS.length);
    file.close();
    assertEquals(
      await listCheckpointFiles(folder),
      ["model.json", ...[1, 2, 3].map((i) => `group1-shard${i}of3.bin`)],
    );
  });
});

Deno.test("an optimizer's weights are passed over", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = await write(folder, ([group]) => {
      Object.assign(group!.weights[0]!, { group: "optimizer" });
    });
    const file = await openTensorflowjs(path);
    assertEquals(file.names, SPECS.slice(1).map(({ name }) => name));
    const last = await file.read("last");
    assertEquals(last, new Float32Array(someBytes().slice(-8).buffer));
    file.close();
  });
});

const WRONG: Record<
  string,
  [
    (group: tf.io.WeightsManifestConfig[number]) => void,
    string,
  ]
> = {
  "a file of another folder": [
    ({ paths }) => paths[1] = "../secret",
    'weightsManifest.0.paths.1 is "../secret": expected a file\'s name',
  ],
  "a file that is not there": [
    ({ paths }) => paths[1] = "lost.bin",
    "lost.bin",
  ],
  "a folder as a file": [
    ({ paths }) => paths[1] = "..",
    'weightsManifest.0.paths.1 is ".."',
  ],
  "a file less": [({ paths }) => paths.pop(), "have 42 bytes, expected 109"],
  "a tensor less": [({ weights }) => weights.pop(), "109 bytes, expected 101"],
  "a tensor twice": [
    ({ weights }) => weights[0]!.name = "last",
    'tensor "last" stands twice',
  ],
  "a shape without end": [
    ({ weights }) => weights[0]!.shape = Array(40).fill(2 ** 50),
    "expected Infinity for the tensors",
  ],
  "a shape of many axes": [
    ({ weights }) => weights[7]!.shape = [0, ...Array(200_000).fill(1)],
    "weightsManifest.0.weights.7.shape is ",
  ],
  "a shape below zero": [
    ({ weights }) => weights[0]!.shape = [-1, 5],
    "weightsManifest.0.weights.0.shape.0 is -1",
  ],
  "texts": [
    ({ weights }) => weights[0]!.dtype = "string",
    'weightsManifest.0.weights.0.dtype is "string"',
  ],
  "a quantization without steps": [
    ({ weights }) => Reflect.deleteProperty(weights[2]!.quantization!, "scale"),
    "weightsManifest.0.weights.2.quantization",
  ],
};
for (const [name, [change, words]] of Object.entries(WRONG)) {
  Deno.test(`openTensorflowjs: ${name}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = await write(folder, ([group]) => change(group!));
      const { message } = await assertRejects(
        () => openTensorflowjs(path),
        CheckpointError,
        words,
      );
      assert(message.includes(folder), message);
    });
  });
}

Deno.test("openTensorflowjs: a key that stands twice", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = await write(folder);
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace('"of":', '"of":1,"of":'));
    await assertRejects(() => openTensorflowjs(path), CheckpointError, '"of"');
  });
});

Deno.test({
  name: "pipes and devices are no models: nothing waits for them",
  ignore: Deno.build.os === "windows",
  async fn() {
    await inTemporaryFolder(async (folder) => {
      const model = `${folder}/model`;
      await Deno.mkdir(model);
      await write(model);
      const refused = async (path: string): Promise<void> => {
        const { message } = await assertRejects(
          () => openCheckpoint(path),
          CheckpointError,
          "file",
        );
        assert(message.includes(folder), message);
      };
      const pipe = `${folder}/model.safetensors`;
      const made = await new Deno.Command("mkfifo", { args: [pipe] }).output();
      assert(made.success);
      await refused(pipe);
      for (
        const name of ["pytorch_model.bin", "model.safetensors.index.json"]
      ) {
        await Deno.rename(pipe, `${folder}/${name}`);
        await refused(`${folder}/${name}`);
        await Deno.rename(`${folder}/${name}`, pipe);
      }
      for (const name of ["group1-shard2of3.bin", "model.json"]) {
        for (const other of [pipe, "/dev/zero"]) {
          await Deno.remove(`${model}/${name}`);
          await Deno.symlink(other, `${model}/${name}`);
          await refused(model);
        }
      }
    });
  },
});

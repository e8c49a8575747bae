import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  listCheckpointFiles,
  openCheckpoint,
  openPytorch,
  type StateDict,
} from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

const FOLDER = dataPath("tests/data/formats/pytorch");

for (const format of ["zip", "legacy"]) {
  Deno.test(`openPytorch() reads ${format} files as Python does`, async () => {
    const file = await openPytorch(join(FOLDER, `${format}.bin`));
    const expected = await openCheckpoint(join(FOLDER, "expected.safetensors"));
    assertEquals(file.names.toSorted(), expected.names.toSorted());
    assertEquals(file.names.slice(0, 3), ["f32", "view", "column"]);
    for (const name of file.names) {
      assertEquals(file.info(name).shape, expected.info(name).shape, name);
      const values = await expected.read(name);
      assertEquals(await file.read(name), values, name);
      for (let begin = 0; begin < values.length; begin += 3) {
        const end = Math.min(begin + 3, values.length);
        const part = new Float32Array(4);
        await file.readInto(name, begin, end, part);
        assertEquals([...part.subarray(0, end - begin)], [
          ...values.subarray(begin, end),
        ], name);
      }
    }
    assertEquals(
      ["f64", "f16", "bf16", "i64", "i32", "u8", "bool", "parameter"].map((
        name,
      ) => file.info(name).dtype),
      ["F64", "F16", "BF16", "I64", "I32", "U8", "BOOL", "F32"],
    );
    await assertRejects(() => file.read("f32", 0, 121), CheckpointError);
    await assertRejects(() => file.read("g32"), CheckpointError, "no tensor");
    file.close();
    await assertRejects(() => file.read("f32"), CheckpointError, "is closed");
    expected.close();
  });
}

/** What make_checkpoints.py fills a Linear(3, 2) and a BatchNorm1d(2) with. */
const MODULE: Record<string, number[]> = {
  "0.weight": [0, 1, 2, 3, 4, 5],
  "0.bias": [1, 2],
  "1.weight": [2, 3],
  "1.bias": [3, 4],
  "1.running_mean": [0, 0],
  "1.running_var": [1, 1],
  "1.num_batches_tracked": [0],
};

async function assertModule(file: StateDict): Promise<void> {
  assertEquals(file.names.toSorted(), Object.keys(MODULE).sort());
  for (const [name, values] of Object.entries(MODULE)) {
    assertEquals([...await file.read(name)], values, name);
  }
  file.close();
}

Deno.test("openCheckpoint() reads what training scripts save, protocol 4 and shards", async () => {
  await assertModule(await openCheckpoint(join(FOLDER, "training.pth")));
  await assertModule(await openCheckpoint(join(FOLDER, "protocol4.pt")));
  await assertModule(await openCheckpoint(join(FOLDER, "sharded")));
  assertEquals(await listCheckpointFiles(join(FOLDER, "sharded")), [
    "pytorch_model.bin.index.json",
    "pytorch_model-00001-of-00002.bin",
    "pytorch_model-00002-of-00002.bin",
  ]);
});

Deno.test("openCheckpoint() takes safetensors before pytorch_model.bin", async () => {
  await inTemporaryFolder(async (folder) => {
    const binary = join(folder, "pytorch_model.bin");
    await Deno.copyFile(join(FOLDER, "zip.bin"), binary);
    (await openCheckpoint(folder)).close();
    assertEquals(await listCheckpointFiles(folder), ["pytorch_model.bin"]);
    const safetensors = join(folder, "model.safetensors");
    await Deno.copyFile(join(FOLDER, "expected.safetensors"), safetensors);
    assertEquals(await listCheckpointFiles(folder), ["model.safetensors"]);
  });
});

Deno.test("a pickle that names os.system is refused by name", async () => {
  const error = await assertRejects(
    () => openCheckpoint(join(FOLDER, "evil.bin")),
    CheckpointError,
    FOLDER,
  );
  assert(/names "(posix|nt)\.system"/.test(error.message), error.message);
});

/** A legacy file whose fourth pickle, the saved value, is given. */
function legacy(value: string | number[]): Uint8Array {
  const code = (text: string): number[] =>
    [...text].map((c) => c.charCodeAt(0));
  return Uint8Array.from([
    ...[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8],
    ...[0x50, 0x19, 0x2e], // the magic number
    ...[0x80, 2, 0x4d, 0xe9, 3, 0x2e], // 1001
    ...code("\x80\x02}."), // the machine
    ...(typeof value === "string" ? code(value) : value),
    ...code("\x80\x02]."), // no storages
  ]);
}

/** A tensor `w` of the given storage size, offset, shape, strides: opcodes. */
const tensor = (size: string, offset: string, shape: string, strides: string) =>
  "}U\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" +
  `FloatStorage\nU\x010U\x03cpu${size}NtQ${offset}(${shape}t(${strides}t` +
  "\x89}tRs.";

const HOSTILE: Record<string, [value: string | number[], message: string]> = {
  "os.system": ["cos\nsystem\n(U\x02lstR.", `names "os.system"`],
  "builtins.eval": ["cbuiltins\neval\n.", `names "builtins.eval"`],
  "a global by stack": [
    "\x8c\x08builtins\x8c\x04exec\x93.",
    `names "builtins.exec"`,
  ],
  "a name with a dot": [
    "ctorch\n_utils._rebuild_tensor_v2.__globals__\n.",
    "which is not needed to build tensors",
  ],
  "a class made anew": ["ccollections\nOrderedDict\n)\x81.", "0x81"],
  "an instance": ["(icollections\nOrderedDict\n.", "instruction 0x69"],
  "state set on a list": ["]}b.", "state is set on a list"],
  "a list called": ["])R.", "a list is called"],
  "nothing on the stack": ["0.", "finds nothing"],
  "no mark": ["t.", "no mark"],
  "a memo not set": ["h\x05.", "number 5 of the memo is not set"],
  "a huge memo": ["Nr\xff\xff\xff\xff.", "number 4294967295 of the memo"],
  "a huge string": ["X\xff\xff\xff\x7f.", "a string of 2147483647 bytes"],
  "a string of 2^63 bytes": [
    "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "a string of 9223372036854776000 bytes",
  ],
  "a huge integer": ["\x8b\xff\xff\xff\x7f.", "an integer of 2147483647 bytes"],
  "deep lists": ["]".repeat(500_001) + ".", "more than 500000 instructions"],
  "a deep list as a shape": [
    tensor(
      "K\x04",
      "K\x00",
      "]".repeat(99) + "a".repeat(98),
      "K\x01",
    ),
    "not non-negative integers",
  ],
  "a list as a key": ["}]Ns.", "has a list for a key"],
  "a view beyond its storage": [
    tensor("K\x04", "K\x01", "K\x04", "K\x01"),
    "leaves its storage of 4 elements",
  ],
  "a negative stride": [
    tensor("K\x04", "K\x03", "K\x04", "J\xff\xff\xff\xff"),
    "not non-negative integers",
  ],
  "a shape of 2^124": [
    tensor(
      "K\x04",
      "K\x00",
      "J\xff\xff\xff\x7f".repeat(4),
      "K\x00".repeat(4),
    ),
    "leaves its storage",
  ],
  "a small storage expanded": [
    tensor("K\x04", "K\x00", "J\xff\xff\xff\x7f", "K\x00"),
    `storage "0" has 0 elements`,
  ],
  "no state dict": ["K\x05.", "no tensors by name"],
  "an empty dict": ["}.", "no tensors by name"],
  "itself": ["]q\x00h\x00a.", "no tensors by name"],
  "cut off": ["}(U\x01a", "cut off"],
};

for (const [name, [value, message]] of Object.entries(HOSTILE)) {
  Deno.test(`a pickle is refused: ${name}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "pytorch_model.bin");
      await Deno.writeFile(path, legacy(value));
      await assertRejects(
        () => openCheckpoint(folder),
        CheckpointError,
        message,
      );
    });
  });
}

Deno.test("other files are refused in a line", async () => {
  const files: Record<string, [content: string, message: string]> = {
    "empty": ["", "is no PyTorch file"],
    "lfs": ["version https://git-lfs", "Git LFS pointer"],
    "text": ["<html>", "is no PyTorch file"],
    "pickle": ["\x80\x02K\x01.", "not of torch.save"],
    "zip": ["PK\x03\x04", "directory is missing"],
  };
  await inTemporaryFolder(async (folder) => {
    for (const [name, [content, message]] of Object.entries(files)) {
      const path = join(folder, `${name}.bin`);
      await Deno.writeFile(
        path,
        Uint8Array.from(content, (c) => c.charCodeAt(0)),
      );
      await assertRejects(() => openPytorch(path), CheckpointError, message);
    }
    await assertRejects(() => openPytorch(folder), CheckpointError, folder);
  });
});

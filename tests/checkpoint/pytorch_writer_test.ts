import { assert, assertEquals, assertRejects } from "@std/assert";
import type { BinaryFile } from "../../src/checkpoint/binary_file.ts";
import {
  type DType,
  memoryStateDict,
  openPytorch,
  writePytorch,
} from "../../src/checkpoint/mod.ts";
import { StoredZip } from "../../src/checkpoint/stored_zip.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";

Deno.test("writePytorch() writes every type so that it reads back equal", async () => {
  // What torch.save wrote, views and all.
  const source = await openPytorch(
    dataPath("tests/data/formats/pytorch/zip.bin"),
  );
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/pytorch_model.bin`;
    const tensors = source.names.map((name) => ({
      name,
      ...source.info(name),
    }));
    assertEquals(
      new Set<DType>(tensors.map(({ dtype }) => dtype)),
      new Set<DType>(
        ["F32", "F64", "F16", "BF16", "I64", "I32", "U8", "BOOL"],
      ),
    );
    await writePytorch(path, tensors, source);
    const written = await openPytorch(path);
    assertEquals(written.names, source.names);
    for (const { name, dtype, shape } of tensors) {
      assertEquals(written.info(name), { dtype, shape }, name);
      assertEquals(await written.read(name), await source.read(name), name);
    }
    written.close();
    // Equal tensors make equal files.
    const again = `${folder}/again.bin`;
    await writePytorch(again, tensors, source);
    assertEquals(await Deno.readFile(again), await Deno.readFile(path));
    assertEquals(listNames(folder), ["again.bin", "pytorch_model.bin"]);
  });
  source.close();
});

Deno.test("writePytorch() has elements begin at multiples of 64 bytes", async () => {
  await inTemporaryFolder(async (folder) => {
    const values = Float32Array.of(1.5, -2.25, 3);
    const source = memoryStateDict(
      new Map([["ä\n", { shape: [3], data: values }]]),
      "memory",
    );
    const path = `${folder}/x.bin`;
    await writePytorch(
      path,
      [{ name: "ä\n", dtype: "F32", shape: [3] }],
      source,
    );
    const bytes = await Deno.readFile(path);
    const sought = new Uint8Array(values.buffer);
    const at = bytes.findIndex((_, i) =>
      sought.every((byte, j) => bytes[i + j] === byte)
    );
    assert(at > 0 && at % 64 === 0, `${at}`);
    const file = await openPytorch(path);
    assertEquals(await file.read("ä\n"), values);
    file.close();
  });
});

Deno.test("writePytorch() leaves nothing when it fails", async () => {
  await inTemporaryFolder(async (folder) => {
    const failure = new CheckpointError("the source is damaged");
    await assertRejects(
      () =>
        writePytorch(
          `${folder}/x.bin`,
          [{ name: "a", dtype: "F32", shape: [4] }],
          { read: () => Promise.reject(failure) },
        ),
      CheckpointError,
      "the source is damaged",
    );
    assertEquals(listNames(folder), []);
    await assertRejects(
      () => writePytorch(`${folder}/no/x.bin`, [], { read: () => null! }),
      CheckpointError,
      `cannot write ${folder}/no/x.bin: no such file or folder`,
    );
  });
});

Deno.test("a zip file of more than 4 GiB is refused before it is written", async () => {
  const file = { write: () => Promise.resolve() } as unknown as BinaryFile;
  const zip = new StoredZip("x.bin", file);
  const large = { length: 2 ** 32 } as Uint8Array;
  await assertRejects(
    () => zip.add("a", [large]),
    CheckpointError,
    "x.bin: it would have more than 4294967295 bytes",
  );
});

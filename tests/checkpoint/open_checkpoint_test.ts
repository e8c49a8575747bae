import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  listCheckpointFiles,
  openCheckpoint,
} from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

Deno.test("openCheckpoint() takes a model's folder or its file", async () => {
  const folder = dataPath("tests/data/micro_pool/alpha");
  const file = join(folder, "model.safetensors");
  for (const path of [folder, file]) {
    const checkpoint = await openCheckpoint(path);
    assertEquals(checkpoint.source, file);
    assertEquals(
      checkpoint.info("convnext.embeddings.patch_embeddings.weight"),
      { dtype: "F32", shape: [8, 3, 2, 2] },
    );
    checkpoint.close();
    assertEquals(await listCheckpointFiles(path), ["model.safetensors"]);
  }
});

Deno.test("openCheckpoint() tells what a folder has instead", async () => {
  await inTemporaryFolder(async (folder) => {
    const message = async (): Promise<string> =>
      (await assertRejects(() => openCheckpoint(folder), CheckpointError))
        .message;
    const problem =
      `${folder} has no model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json or model.json`;
    assertEquals(await message(), `${problem}, found nothing`);
    await Deno.writeTextFile(join(folder, "model.pt"), "");
    await Deno.writeTextFile(join(folder, "config.json"), "{}");
    assertEquals(await message(), `${problem}, found config.json, model.pt`);
    for (let i = 0; i < 10; i++) {
      await Deno.writeTextFile(join(folder, `a${i}`), "");
    }
    assertEquals(
      (await message()).split(", found ")[1],
      "a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 and 2 more",
    );
  });
});

Deno.test("openCheckpoint() names a path that does not exist", async () => {
  const error = await assertRejects(
    () => openCheckpoint("no/such/folder"),
    CheckpointError,
  );
  assertEquals(
    error.message,
    "cannot open no/such/folder: no such file or folder, expected a folder with model.safetensors, or a .safetensors file",
  );
});

import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256File } from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { GOLDEN } from "./safetensors_case.ts";

Deno.test("sha256File() gives what Python's hashlib gives", async () => {
  assertEquals(
    await sha256File(GOLDEN),
    "9f6d8b10590ad3d7f136a4791e38fb183260906932a3a02de61b52d149f050b8",
  );
});

Deno.test("sha256File() of files around its block's size", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "file");
    for (const size of [0, (1 << 22) - 1, 1 << 22, (1 << 22) + 1]) {
      const bytes = new Uint8Array(size).map((_, i) => i % 251);
      await Deno.writeFile(path, bytes);
      const hash = await crypto.subtle.digest("SHA-256", bytes);
      assertEquals(await sha256File(path), new Uint8Array(hash).toHex());
    }
  });
});

Deno.test("sha256File() names a file that is missing", async () => {
  const error = await assertRejects(() => sha256File("no"), CheckpointError);
  assertEquals(error.message, "cannot read no: no such file or folder");
});

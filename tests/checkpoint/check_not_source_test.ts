import { assertRejects } from "@std/assert";
import { checkNotSource } from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

Deno.test("a source, what holds it, and what is in it may not be written to", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = `${folder}/pool/alpha`;
    await Deno.mkdir(source, { recursive: true });
    await Deno.writeTextFile(`${source}/model.safetensors`, "");
    await Deno.symlink(source, `${folder}/link`);
    for (
      const target of [
        source,
        `${source}/`,
        `${folder}/pool/../pool/alpha`,
        `${folder}/link`,
        `${folder}/pool`,
        `${source}/new/deeper`,
      ]
    ) {
      await assertRejects(
        () => checkNotSource(target, [source]),
        CheckpointError,
        `${target}: would overwrite ${source}`,
      );
    }
    await assertRejects(
      () => checkNotSource(source, [`${source}/model.safetensors`]),
      CheckpointError,
    );
    await checkNotSource(`${folder}/pool/alphabet`, [source]);
    await checkNotSource(`${folder}/out`, [source]);
  });
});

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  copyFolder,
  DEMO_MODELS,
  inTemporaryFolder,
} from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

/** Merges copies of two demo models, which a test may damage. */
async function mergeCopies(folder: string): Promise<void> {
  for (const name of ["_pretrained_", "emoji", "mnist"]) {
    await copyFolder(DEMO_MODELS[name]!, `${folder}/pool/${name}`);
  }
  const { status, errors } = await runMain(
    "method=task_arithmetic",
    "method.scaling_factor=0.5",
    `modelpool=${folder}/pool`,
    `merged_model_save_path=${folder}/merged`,
    `backend=${testBackendName}`,
  );
  assertEquals(status, 0, errors.join("\n"));
}

Deno.test("merge-info tells how a folder was merged", async () => {
  await inTemporaryFolder(async (folder) => {
    await mergeCopies(folder);
    const { status, output, errors } = await runMain(
      "merge-info",
      `${folder}/merged`,
    );
    assertEquals([status, errors], [0, []]);
    const lines = output.split("\n");
    assertEquals(
      lines[0],
      `${folder}/merged was made by task_arithmetic, scaling_factor 0.5`,
    );
    assert(lines.includes(`  mnist: ${folder}/pool/mnist (unchanged)`), output);
    const json = await runMain("merge-info", `${folder}/merged`, "--json");
    const { method, sources } = JSON.parse(json.output);
    assertEquals(method, "task_arithmetic");
    assertEquals(sources.emoji, { status: "unchanged", problems: [] });
  });
});

Deno.test("merge-info: sources that changed or vanished are named, with status 2", async () => {
  await inTemporaryFolder(async (folder) => {
    await mergeCopies(folder);
    const file = `${folder}/pool/mnist/model.safetensors`;
    const bytes = await Deno.readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await Deno.writeFile(file, bytes);
    await Deno.remove(`${folder}/pool/emoji`, { recursive: true });
    const { status, output, errors } = await runMain(
      "merge-info",
      `${folder}/merged`,
    );
    assertEquals(status, 2);
    assertEquals(errors.length, 1);
    assertStringIncludes(errors[0]!, `${folder}/merged/merge.json`);
    assertStringIncludes(errors[0]!, `mnist: ${file} has SHA-256`);
    assertStringIncludes(
      errors[0]!,
      `emoji: ${folder}/pool/emoji/model.safetensors is missing`,
    );
    assertStringIncludes(output, `${folder}/pool/mnist (changed)`);
    assertStringIncludes(output, `${folder}/pool/emoji (missing)`);
    assertStringIncludes(output, `${folder}/pool/_pretrained_ (unchanged)`);
  });
});

Deno.test("merge-info: what is no merged model's folder", async () => {
  await inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/merge.json`, `{"method": 3}`);
    for (
      const [words, expected] of [
        [[], "0 paths given"],
        [[DEMO_MODELS["mnist"]!], "merge.json: not found"],
        [[folder], "merge.json: method"],
      ] as const
    ) {
      const { status, output, errors } = await runMain("merge-info", ...words);
      assertEquals([status, output, errors.length], [2, "", 1]);
      assertStringIncludes(errors[0]!, expected);
    }
  });
});

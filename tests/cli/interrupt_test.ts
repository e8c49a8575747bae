import { assert, assertEquals } from "@std/assert";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder, listNames } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";

Deno.test("Ctrl-C while merging leaves what was there, and nothing else", async () => {
  await inTemporaryFolder(async (folder) => {
    // A model of before, which must survive.
    await Deno.mkdir(`${folder}/out`);
    await Deno.writeTextFile(`${folder}/out/config.json`, "before");
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-A",
        "--no-check",
        dataPath("src/cli/main.ts"),
        "method=task_arithmetic",
        `modelpool=${dataPath("tests/data/demo_pool")}`,
        `merged_model_save_path=${folder}/out`,
        `backend=${testBackendName}`,
        "chunk_size=20", // tens of thousands of chunks: it takes its time
      ],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const done = process.output();
    const isMerging = (): boolean =>
      listNames(folder).some((name) => name.endsWith(".partial"));
    for (let i = 0; i < 600 && !isMerging(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert(isMerging(), "the merge never began");
    process.kill("SIGINT");
    const { code, stderr } = await done;
    assertEquals(code, 130, new TextDecoder().decode(stderr));
    assertEquals(listNames(folder), ["out"]);
    assertEquals(listNames(`${folder}/out`), ["config.json"]);
    assertEquals(
      await Deno.readTextFile(`${folder}/out/config.json`),
      "before",
    );
  });
});

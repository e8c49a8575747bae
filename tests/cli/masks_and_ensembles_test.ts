import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { dataPath } from "../reference.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const MODEL_POOL = `modelpool=${dataPath("tests/data/demo_pool")}`;
const TASK_POOL = `taskpool=${dataPath("tests/data/demo_data")}`;
const backend = `backend=${testBackendName}`;

for (
  const method of [
    "emr_merging",
    "tall_mask/task_arithmetic",
    "ensemble/simple_ensemble",
  ]
) {
  Deno.test(`${method}: run, evaluate and predict agree`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/merged`;
      const report = async (...words: string[]) => {
        const { status, output, errors } = await runMain(
          ...words,
          TASK_POOL,
          "fast_dev_run=true",
          backend,
          "--json",
        );
        assertEquals(status, 0, errors.join("\n"));
        const { model_info, ...results } = JSON.parse(output);
        return { parameters: model_info.all_params, ...results };
      };
      const inMemory = await report(`method=${method}`, MODEL_POOL);
      const saved = await report(
        `method=${method}`,
        MODEL_POOL,
        "dtype=float32",
        `merged_model_save_path=${path}`,
      );
      assertEquals(saved, inMemory);
      assertEquals(await report("evaluate", `model=${path}`), inMemory);
      assert(inMemory.average.accuracy > 0.3);
      const image = dataPath("tests/data/images");
      const [first] = Array.from(Deno.readDirSync(image))
        .filter(({ name }) => name.endsWith(".png")).map(({ name }) => name);
      const { status, output, errors } = await runMain(
        "predict",
        `model=${path}`,
        "task=mnist",
        `${image}/${first}`,
        "top_k=1",
        backend,
      );
      assertEquals(status, 0, errors.join("\n"));
      assertStringIncludes(output, "score");
    });
  });
}

Deno.test("an ensemble without a task is refused with both models' names", async () => {
  await inTemporaryFolder(async (folder) => {
    const made = await runMain(
      "method=ensemble/simple_ensemble",
      MODEL_POOL,
      `merged_model_save_path=${folder}/e`,
      backend,
    );
    assertEquals(made.status, 0, made.errors.join("\n"));
    const { output } = await runMain("inspect", `${folder}/e`);
    assertStringIncludes(output, "combine: mean");
    assertStringIncludes(output, "members: emoji, fashion_mnist, mnist");
    const { status, errors } = await runMain(
      "predict",
      `model=${folder}/e`,
      "any.png",
      backend,
    );
    assertEquals(status, 2);
    assertEquals(errors.length, 1, errors.join("\n"));
    assertStringIncludes(errors[0]!, "models emoji and fashion_mnist");
  });
});

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { runMain } from "./run_main.ts";

Deno.test("analyze prints tables and writes JSON", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = `${folder}/reports/analysis.json`;
    const { status, output, errors } = await runMain(
      "analyze",
      "modelpool=demo",
      `report_save_path=${file}`,
    );
    assertEquals([status, errors], [0, [`analysis: ${file}`]]);
    const analysis = JSON.parse(await Deno.readTextFile(file));
    assertEquals(analysis.models, [
      "cyrillic",
      "digits",
      "greek",
      "latin",
    ]);
    const cosine = analysis.cosine_similarity[0][1];
    assert(cosine > -1 && cosine < 1);
    assertStringIncludes(output, cosine.toFixed(4));
    assertStringIncludes(output, "encoder.stages.2.layers.3");
    const json = await runMain("analyze", "modelpool=demo", "--json");
    assertEquals(JSON.parse(json.output), analysis);
  });
});

Deno.test("analyze: one line for wrong input", async () => {
  for (
    const [words, expected] of [
      [[], "modelpool: missing"],
      [["modelpool=demo", "method=slerp"], "method"],
    ] as const
  ) {
    const { status, output, errors } = await runMain("analyze", ...words);
    assertEquals([status, output, errors.length], [2, "", 1]);
    assertStringIncludes(errors[0]!, expected);
  }
});

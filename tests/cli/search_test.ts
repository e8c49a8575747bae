import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const SEARCH = [
  "search",
  "method=task_arithmetic",
  "method.scaling_factor=0.1:0.9:0.4",
  `modelpool=${dataPath("tests/data/demo_pool")}`,
  "~modelpool.models.emoji",
  "~modelpool.models.fashion_mnist",
  ...["mnist", "optdigits"].map((task) =>
    `+modelpool.train_datasets.${task}=${
      dataPath(`tests/data/demo_data/${task}/test`)
    }`
  ),
  "images=10",
  `backend=${testBackendName}`,
];

Deno.test("fusion search: goes on from its record, saves the winner and tells of it", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/winner`;
    const first = await runMain(
      ...SEARCH,
      "trials=2",
      `record=${path}.search.jsonl`,
      "--json",
    );
    assertEquals(first.status, 0, first.errors.join("\n"));
    assertEquals(JSON.parse(first.output).trials.length, 2);
    const second = await runMain(
      ...SEARCH,
      `merged_model_save_path=${path}`,
      "--json",
    );
    assertEquals(second.status, 0, second.errors.join("\n"));
    assertStringIncludes(second.errors.join("\n"), "with 2 trials");
    const { trials, best } = JSON.parse(second.output);
    assertEquals(
      trials.map(({ point }: { point: number[] }) => point),
      [[0.1], [0.5], [0.9]],
    );
    assertEquals(
      best.average.accuracy,
      Math.max(
        ...trials.map((trial: typeof best) => trial.average.accuracy),
      ),
    );
    assertEquals(best.parameters, { scaling_factor: best.point[0] });
    const info = JSON.parse(await Deno.readTextFile(`${path}/merge.json`));
    assertEquals(info.parameters, { scaling_factor: best.point[0] });
    assertEquals(info.search.trials, 3);
    assertEquals(info.search.validation_images, { mnist: 10, optdigits: 10 });
    const other = await runMain(
      ...SEARCH,
      "seed=1",
      `merged_model_save_path=${path}`,
    );
    assertEquals(other.status, 2);
    assertEquals(other.errors.length, 1, other.errors.join("\n"));
    assertStringIncludes(other.errors[0]!, "it is not of this search");
  });
});

Deno.test("fusion search: a table, the best marked; wrong ranges and numbers are told at once", async () => {
  const { status, output, errors } = await runMain(...SEARCH, "trials=1");
  assertEquals(status, 0, errors.join("\n"));
  assert(/\| 0 \* +\| +0\.1 \|/.test(output), output);
  for (
    const [word, message] of [
      ["method.scaling_factor=0.3", "nothing to search for"],
      ["method.scaling_factor=0.9:0.1", "found the range 0.9:0.1"],
      ["method.scaling_facto=0:1", "scaling_facto"],
      ["strategy=bayes", "strategy"],
    ] as const
  ) {
    const wrong = await runMain(...SEARCH, word);
    assertEquals(wrong.status, 2);
    assertEquals(wrong.errors.length, 1, wrong.errors.join("\n"));
    assertStringIncludes(wrong.errors[0]!, message);
  }
});

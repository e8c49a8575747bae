import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dataPath } from "../reference.ts";
import { copyFolder, inTemporaryFolder } from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const backend = `backend=${testBackendName}`;
const TASKS = ["alpha", "beta", "gamma"];

/** Methods whose models are more than merged weights, with few steps. */
const METHODS: Record<string, string[]> = {
  adamerging_surgery: ["method.max_steps=0", "method.surgery_steps=2"],
  weight_ensembling_moe: ["method.max_steps=1", "method.lr=0.1"],
};

async function output(...words: string[]): Promise<string> {
  const { status, output, errors } = await runMain(...words, backend);
  assertEquals(status, 0, errors.join("\n"));
  return output;
}

for (const [method, parameters] of Object.entries(METHODS)) {
  Deno.test(`${method}: run, evaluate, predict and convert agree`, async () => {
    await inTemporaryFolder(async (folder) => {
      await copyFolder(dataPath("tests/data/micro_pool"), `${folder}/pool`);
      await Deno.writeTextFile(
        `${folder}/pool/pretrained/preprocessor_config.json`,
        JSON.stringify({ size: { shortest_edge: 32 } }),
      );
      const images = ["square224.png", "portrait.png", "landscape.png"];
      for (const [i, task] of TASKS.entries()) {
        for (const [label, image] of images.entries()) {
          const classFolder = `${folder}/data/${task}/test/LABEL_${label}`;
          await Deno.mkdir(classFolder, { recursive: true });
          await Deno.copyFile(
            dataPath(`tests/data/images/${images[(i + label) % 3]}`),
            `${classFolder}/${image}`,
          );
        }
      }
      const report = async (...words: string[]) => {
        const { model_info, ...results } = JSON.parse(
          await output(...words, `taskpool=${folder}/data`, "--json"),
        );
        return {
          all: model_info.all_params,
          use: model_info.data.use,
          ...results,
        };
      };
      const merge = [
        `method=${method}`,
        ...parameters,
        "method.batch_size=2",
        `modelpool=${folder}/pool`,
        ...TASKS.map((task) =>
          `+modelpool.test_datasets.${task}=${folder}/data/${task}/test`
        ),
      ];
      const inMemory = await report(...merge);
      assert(/without labels/.test(inMemory.use));
      const path = `${folder}/merged`;
      const saved = await report(...merge, `merged_model_save_path=${path}`);
      assertEquals(saved, inMemory);
      assertEquals(await report("evaluate", `model=${path}`), inMemory);
      await output("convert", `input=${path}`, `output=${folder}/tfjs`);
      await output(
        "convert",
        `input=${folder}/tfjs`,
        `output=${folder}/back`,
        "format=huggingface",
      );
      for (const converted of ["tfjs", "back"]) {
        assertEquals(
          await report("evaluate", `model=${folder}/${converted}`),
          inMemory,
        );
      }
      const image = dataPath("tests/data/images/square224.png");
      const predict = (model: string, ...words: string[]) =>
        output("predict", `model=${model}`, ...words, image, "--json");
      const ours = await predict(path, "task=beta");
      for (const converted of ["tfjs", "back"]) {
        assertEquals(
          await predict(`${folder}/${converted}`, "task=beta"),
          ours,
        );
      }
      await Deno.remove(
        `${path}/${method === "adamerging_surgery" ? "surgery" : "routers"}`,
        { recursive: true },
      );
      assert(await predict(path, "task=beta") !== ours, "the part counts");
      assertStringIncludes(
        (await runMain("inspect", `${folder}/back`)).output,
        method === "adamerging_surgery" ? "surgery: " : "routers: ",
      );
    });
  });
}

import { assertEquals, assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import * as z from "zod";
import type { BoundMethod } from "../../src/merge/mod.ts";
import {
  ConvNextForImageClassificationPool,
  mergeToFolder,
} from "../../src/modelpool/mod.ts";
import { dataPath } from "../reference.ts";
import { copyFolder, inTemporaryFolder } from "../temporary_folder.ts";
import { testBackend, testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

/** Looks at one image and warns. */
const doubtful: BoundMethod = {
  name: "doubtful",
  parameters: {},
  method: {
    granularity: "element",
    pretrained: "needed",
    parameters: z.object({}),
    dataUse: () => ({ split: "test", images: 1, purpose: "to look" }),
    async prepare(pool) {
      const images = pool.data!.batches("alpha", {
        split: "test",
        batchSize: 1,
      });
      tf.dispose((await images.next()).value);
      await images.return(undefined);
      pool.data!.warn("predictions collapse");
    },
    merge: ({ pretrained }) => tf.clone(pretrained),
  },
};

Deno.test("what a method looked at and warned of is told, and stands in merge.json, model card and report", async () => {
  await testBackend();
  await inTemporaryFolder(async (folder) => {
    await copyFolder(dataPath("tests/data/micro_pool"), `${folder}/pool`);
    await Deno.writeTextFile(
      `${folder}/pool/pretrained/preprocessor_config.json`,
      JSON.stringify({ size: { shortest_edge: 32 } }),
    );
    const images = `${folder}/data/alpha/test`;
    await Deno.mkdir(`${images}/LABEL_1`, { recursive: true });
    await Deno.copyFile(
      dataPath("tests/data/images/square224.png"),
      `${images}/LABEL_1/image.png`,
    );
    const told: string[] = [];
    await mergeToFolder(
      new ConvNextForImageClassificationPool({
        models: {
          _pretrained_: `${folder}/pool/pretrained`,
          alpha: `${folder}/pool/alpha`,
        },
        test_datasets: { alpha: images },
      }),
      doubtful,
      `${folder}/merged`,
      { onWarning: (message) => told.push(message) },
    );
    assertEquals(told, ["warning: predictions collapse"]);
    const use = "at most 1 test images of each task, without labels, to look";
    const { data } = JSON.parse(
      await Deno.readTextFile(`${folder}/merged/merge.json`),
    );
    assertEquals(data, {
      use,
      split: "test",
      labels: false,
      images: { alpha: 1 },
      warnings: ["predictions collapse"],
    });
    const card = await Deno.readTextFile(`${folder}/merged/README.md`);
    assertStringIncludes(card, "> Warning: `predictions collapse`");
    assertStringIncludes(card, use);
    const { status, output, errors } = await runMain(
      "evaluate",
      `model=${folder}/merged`,
      `taskpool=${folder}/data`,
      `backend=${testBackendName}`,
      "--json",
    );
    assertEquals(status, 0, errors.join("\n"));
    assertEquals(JSON.parse(output).model_info.data, {
      use,
      warnings: ["predictions collapse"],
    });
    assertStringIncludes(errors.join("\n"), `data: ${use}`);
  });
});

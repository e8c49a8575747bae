import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openCheckpoint, saveTensors } from "../../src/checkpoint/mod.ts";
import { dataPath } from "../reference.ts";
import {
  copyFolder,
  inTemporaryFolder,
  listNames,
} from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const POOL = dataPath("tests/data/demo_pool");
const BACKEND = `backend=${testBackendName}`;

/** Each command on `FOLDER/pool/mnist`, or on a pool that has it. */
const COMMANDS: Readonly<Record<string, string>> = {
  merge:
    "method=simple_average modelpool=FOLDER/pool taskpool=null merged_model_save_path=FOLDER/out",
  evaluate: `evaluate model=FOLDER/pool/mnist taskpool=FOLDER/tasks`,
  predict: `predict model=FOLDER/pool/mnist ${
    dataPath("tests/data/images/photo.jpg")
  }`,
  convert: "convert input=FOLDER/pool/mnist output=FOLDER/out",
};

/** Runs a command; the backend is named where one is started. */
function run(command: string, folder: string) {
  const words = COMMANDS[command]!.replaceAll("FOLDER", folder).split(" ");
  return runMain(...words, BACKEND);
}

/** A pool of two models and a test set for one. */
async function makePool(folder: string): Promise<void> {
  for (const name of ["mnist", "optdigits"]) {
    await copyFolder(`${POOL}/${name}`, `${folder}/pool/${name}`);
  }
  await copyFolder(
    dataPath("tests/data/demo_data/mnist/test"),
    `${folder}/tasks/mnist/test`,
  );
}

async function changeConfig(
  folder: string,
  change: (config: Record<string, unknown>) => void,
): Promise<void> {
  const path = `${folder}/config.json`;
  const config = JSON.parse(await Deno.readTextFile(path));
  change(config);
  await Deno.writeTextFile(path, JSON.stringify(config));
}

/** Puts tensors of two elements beside a model's. */
async function addTensors(
  folder: string,
  names: readonly string[],
): Promise<void> {
  const path = `${folder}/model.safetensors`;
  const source = await openCheckpoint(path);
  const isAdded = (name: string): boolean => names.includes(name);
  await saveTensors(`${path}.new`, {
    names: [...names, ...source.names],
    source: path,
    info: (name) =>
      isAdded(name) ? { dtype: "I64", shape: [2] } : source.info(name),
    read: (name, begin, end) =>
      isAdded(name)
        ? Promise.resolve(new Float32Array([1, 2]).slice(begin, end))
        : source.read(name, begin, end),
    close: () => {},
  });
  source.close();
  await Deno.rename(`${path}.new`, path);
}

for (const command of Object.keys(COMMANDS)) {
  Deno.test(`${command}: weights of more layers than the config has`, async () => {
    await inTemporaryFolder(async (folder) => {
      await makePool(folder);
      const model = `${folder}/pool/mnist`;
      const { depths } = JSON.parse(
        await Deno.readTextFile(`${model}/config.json`),
      );
      assertEquals(depths, [2, 2, 4, 2]);
      for (
        const [key, value, count, first] of [
          // Of a block: dwconv, layernorm, two products and the layer's scale.
          ["depths", [2, 2, 3, 2], 9, "stages.2.layers.3."],
          ["layer_scale_init_value", 0, 10, "layer_scale_parameter"],
        ] as const
      ) {
        await changeConfig(model, (config) => {
          config["depths"] = depths;
          config["layer_scale_init_value"] = 1e-6;
          config[key] = value;
        });
        const { status, output, errors } = await run(command, folder);
        assertEquals([status, output, errors.length], [2, "", 1], `${errors}`);
        assertStringIncludes(
          errors[0]!,
          `${model}/model.safetensors: ${count} tensors are not in a ConvNeXt of its config.json: convnext.`,
        );
        assertStringIncludes(errors[0]!, first);
        assertStringIncludes(errors[0]!, `and ${count - 3} more; expected`);
        assertEquals(listNames(folder), ["pool", "tasks"]);
      }
    });
  });

  Deno.test(`${command}: tensors that no ConvNeXt has are left out with a warning`, async () => {
    await inTemporaryFolder(async (folder) => {
      await makePool(folder);
      const plain = await run(command, folder);
      assertEquals(plain.status, 0, `${plain.errors}`);
      const written = async (): Promise<string | undefined> => {
        if (!COMMANDS[command]!.includes("/out")) return undefined;
        const weights = command === "convert"
          ? "weights.bin"
          : "model.safetensors";
        const bytes = await Deno.readFile(`${folder}/out/${weights}`);
        await Deno.remove(`${folder}/out`, { recursive: true });
        return bytes.toHex();
      };
      const expected = await written();
      const names = [
        "other_head.weight",
        "convnext.embeddings.position_ids",
        "convnext.encoder.stages.0.layers.0.dwconv.num_batches_tracked",
        "optimizer.exp_avg",
      ];
      await addTensors(`${folder}/pool/mnist`, names);
      const { status, output, errors } = await run(command, folder);
      assertEquals(status, 0, `${errors}`);
      const warnings = errors.filter((line) => line.startsWith("warning: "));
      assertEquals(warnings.length, 1, `${errors}`);
      const [warning] = warnings;
      assertStringIncludes(
        warning!,
        `${folder}/pool/mnist/model.safetensors: 4 tensors are not used`,
      );
      assert(names.some((name) => warning!.includes(name)), warning);
      assert(warning!.endsWith(" and 1 more"), warning);
      // What comes out is the same.
      assertEquals(output, plain.output);
      assertEquals(await written() === expected, true);
    });
  });
}

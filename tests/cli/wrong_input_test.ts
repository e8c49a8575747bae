import { assert, assertEquals } from "@std/assert";
import {
  type DType,
  openCheckpoint,
  SafetensorsWriter,
} from "../../src/checkpoint/mod.ts";
import { dataPath } from "../reference.ts";
import {
  copyFolder,
  inTemporaryFolder,
  listNames,
} from "../temporary_folder.ts";
import { testBackendName } from "../test_backend.ts";
import { runMain } from "./run_main.ts";

const POOL = dataPath("tests/data/demo_pool");
const PHOTO = dataPath("tests/data/images/photo.jpg");

interface WrongInput {
  /** What is wrong. */
  what: string;
  /** The command line; `FOLDER` is the test's own. */
  args: string;
  /** What the message must tell. */
  words: string[];
  /** Makes the files of it. */
  make?: (folder: string) => Promise<unknown>;
}

const CASES: WrongInput[] = [
  {
    what: "unknown method",
    args: `method=task_aritmetic modelpool=${POOL}`,
    words: ["task_aritmetic", "did you mean task_arithmetic?"],
  },
  {
    what: "unknown key of the method",
    args: `method=task_arithmetic method.scaling_facto=1 modelpool=${POOL}`,
    words: ["scaling_facto", "did you mean method.scaling_factor?"],
  },
  {
    what: "a mistyped model among a number's keys",
    args:
      `method=task_arithmetic method.scaling_factor={emojj:1,*:0.3} modelpool=${POOL} merged_model_save_path=FOLDER/out`,
    words: ["scaling_factor: emojj", "did you mean emoji?"],
  },
  {
    what: "predicting without a model",
    args: `predict ${PHOTO}`,
    words: ["model: missing, expected model=DIR"],
  },
  {
    what: "a command without its method",
    args: `modelpool=${POOL}`,
    words: ["method: missing, expected method=NAME"],
  },
  {
    what: "unknown key of a run",
    args: `method=simple_average modelpool=${POOL} merged_model_save_pth=x`,
    words: ["merged_model_save_pth", "did you mean merged_model_save_path?"],
  },
  {
    what: "pool folder without models",
    args: "method=simple_average modelpool=FOLDER/empty",
    words: ["FOLDER/empty", "no model folder", "<task>/config.json"],
    make: (folder) => Deno.mkdir(`${folder}/empty/a`, { recursive: true }),
  },
  {
    what: "models of different shapes",
    args:
      "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
    words: [
      "FOLDER/pool/mnist/model.safetensors",
      "tensor convnext.embeddings.layernorm.bias",
      "[16]",
      "[8]",
    ],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/mnist`);
      await copyFolder(
        dataPath("tests/data/micro_pool/pretrained"),
        `${folder}/pool/pretrained`,
      );
    },
  },
  {
    what: "a model without its head",
    args:
      "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
    words: [
      "FOLDER/pool/b/model.safetensors",
      "classifier.weight is missing",
      "expected one of shape [10,128]",
    ],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/a`);
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/b`);
      await rewriteTensors(
        `${folder}/pool/b`,
        (name) => name.startsWith("classifier.") ? undefined : "F32",
      );
    },
  },
  {
    what: "a head of another size than its config's",
    args:
      "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
    words: [
      "FOLDER/pool/b/model.safetensors",
      "classifier.weight has shape [10,128], its config.json expects [9,128]",
    ],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/a`);
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/b`);
      await Deno.copyFile(
        `${POOL}/emoji/config.json`,
        `${folder}/pool/b/config.json`,
      );
    },
  },
  ...([["hidden_act", "relu", "gelu"], [
    "layer_norm_eps",
    1e-5,
    1e-12,
  ]] as const)
    .map(([key, other, usual]): WrongInput => ({
      what: `models of different ${key}`,
      args:
        "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
      words: [
        "FOLDER/pool/b",
        `${key} is ${other}`,
        `that of a is ${usual}`,
      ],
      make: async (folder) => {
        await copyFolder(`${POOL}/mnist`, `${folder}/pool/a`);
        await copyFolder(`${POOL}/mnist`, `${folder}/pool/b`);
        const path = `${folder}/pool/b/config.json`;
        const config = JSON.parse(await Deno.readTextFile(path));
        await Deno.writeTextFile(
          path,
          JSON.stringify({ ...config, [key]: other }),
        );
      },
    })),
  {
    what: "weights that are whole numbers",
    args:
      "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
    words: [
      "FOLDER/pool/b/model.safetensors",
      "tensor convnext.embeddings.layernorm.bias",
      "type I64",
      "expected F32",
    ],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/a`);
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/b`);
      await rewriteTensors(
        `${folder}/pool/b`,
        (name) => name === "convnext.embeddings.layernorm.bias" ? "I64" : "F32",
      );
    },
  },
  {
    what: "weights without their config.json",
    args:
      "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
    words: ["FOLDER/pool/b/config.json: not found"],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/a`);
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/b`);
      await Deno.remove(`${folder}/pool/b/config.json`);
    },
  },
  {
    what: "a model's folder with the user's files in it",
    args:
      `method=simple_average modelpool=${POOL} merged_model_save_path=FOLDER/mine`,
    words: ["FOLDER/mine holds thesis.txt", "would be lost"],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/mine`);
      await Deno.writeTextFile(`${folder}/mine/thesis.txt`, "precious");
    },
  },
  {
    what: "analysing a model with NaN",
    args: "analyze modelpool=FOLDER/pool",
    words: [
      "FOLDER/pool/b/model.safetensors",
      "tensor convnext.embeddings.layernorm.bias holds NaN at element 2",
    ],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/pretrained`);
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/a`);
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/b`);
      await rewriteTensors(
        `${folder}/pool/b`,
        () => "F32",
        (name, values) => {
          if (name === "convnext.embeddings.layernorm.bias") values[2] = NaN;
        },
      );
    },
  },
  {
    what: "truncated safetensors",
    args:
      "method=simple_average modelpool=FOLDER/pool merged_model_save_path=FOLDER/out",
    words: [
      "FOLDER/pool/mnist/model.safetensors is cut off",
      "1000700",
      "500000",
    ],
    make: async (folder) => {
      await copyFolder(`${POOL}/mnist`, `${folder}/pool/mnist`);
      await Deno.truncate(`${folder}/pool/mnist/model.safetensors`, 500_000);
    },
  },
  {
    what: "a PNG that is a text file",
    args: `predict model=${POOL}/emoji FOLDER/text.png`,
    words: ["FOLDER/text.png", "text", "PNG"],
    make: (folder) => Deno.writeTextFile(`${folder}/text.png`, "hello\n"),
  },
  {
    what: "a label outside the head's range",
    args: `evaluate model=${POOL}/emoji taskpool=FOLDER/tasks`,
    words: [
      "FOLDER/tasks/clothes/test",
      "label 9 of image 23",
      "9 classes (0 to 8)",
    ],
    make: (folder) =>
      copyFolder(
        dataPath("tests/data/demo_data/fashion_mnist/test"),
        `${folder}/tasks/clothes/test`,
      ),
  },
  {
    what: "an image that is not there",
    args: `predict model=${POOL}/emoji FOLDER/none.png`,
    words: ["FOLDER/none.png", "not found"],
  },
  {
    what: "no image at all",
    args: `predict model=${POOL}/emoji`,
    words: ["no image given"],
  },
  {
    what: "a model that is not there",
    args: `predict model=FOLDER/none ${PHOTO}`,
    words: ["FOLDER/none", "does not exist"],
  },
  {
    what: "a task without a head",
    args: `predict model=${POOL}/emoji task=mnist ${PHOTO}`,
    words: [`${POOL}/emoji`, "no head for task mnist"],
  },
  {
    what: "a task pool with a task that the model pool lacks",
    args: `method=simple_average modelpool=FOLDER/pool taskpool=${
      dataPath("tests/data/demo_data")
    }`,
    words: ["task emoji", "no model", "it has mnist"],
    make: (folder) => copyFolder(`${POOL}/mnist`, `${folder}/pool/mnist`),
  },
  {
    what: "something that is no command",
    args: "evalute model=x",
    words: ["evalute is neither a command nor key=value"],
  },
  {
    what: "an unknown flag",
    args: `predict model=${POOL}/emoji ${PHOTO} --jsno`,
    words: ["--jsno"],
  },
  {
    what: "a method without _pretrained_",
    args: "method=task_arithmetic modelpool=FOLDER/pool",
    words: ["task_arithmetic", "no _pretrained_"],
    make: (folder) => copyFolder(`${POOL}/mnist`, `${folder}/pool/mnist`),
  },
  {
    what: "a report that cannot be written",
    args:
      `evaluate model=${POOL}/mnist taskpool=FOLDER/tasks report_save_path=FOLDER/file/report.json fast_dev_run=true`,
    words: ["FOLDER/file/report.json", "cannot be written"],
    make: async (folder) => {
      await Deno.writeTextFile(`${folder}/file`, "no folder");
      await copyFolder(
        dataPath("tests/data/demo_data/mnist/test"),
        `${folder}/tasks/mnist/test`,
      );
    },
  },
  {
    what: "a dtype that there is not",
    args: `method=simple_average modelpool=${POOL} dtype=float8`,
    words: ["dtype", "float8", "bfloat16"],
  },
  {
    what: "a target that is a folder of something else",
    args:
      `method=simple_average modelpool=${POOL} merged_model_save_path=FOLDER/thesis`,
    words: ["FOLDER/thesis", "other files"],
    make: async (folder) => {
      await Deno.mkdir(`${folder}/thesis`);
      await Deno.writeTextFile(`${folder}/thesis/chapter.txt`, "precious");
    },
  },
  {
    what: "a YAML file that is none",
    args: `method=FOLDER/method.yaml modelpool=${POOL}`,
    words: ["FOLDER/method.yaml"],
    make: (folder) =>
      Deno.writeTextFile(`${folder}/method.yaml`, "a: [1\nb: }"),
  },
  {
    what: "inspecting a folder without anything",
    args: "inspect FOLDER/empty",
    words: ["FOLDER/empty"],
    make: (folder) => Deno.mkdir(`${folder}/empty`),
  },
];

/** Writes a model's tensors again, without some or with other elements. */
async function rewriteTensors(
  folder: string,
  dtypeOf: (name: string) => DType | undefined,
  change: (name: string, values: Float32Array) => void = () => {},
): Promise<void> {
  const path = `${folder}/model.safetensors`;
  const source = await openCheckpoint(path);
  const entries = source.names.flatMap((name) => {
    const dtype = dtypeOf(name);
    return dtype ? [{ name, dtype, shape: source.info(name).shape }] : [];
  });
  const writer = await SafetensorsWriter.create(`${path}.new`, entries);
  for (const { name } of entries) {
    const values = await source.read(name);
    change(name, values);
    await writer.write(name, 0, values);
  }
  await writer.finish();
  source.close();
  await Deno.rename(`${path}.new`, path);
}

for (const { what, args, words, make } of CASES) {
  Deno.test(`status 2 and one line: ${what}`, async () => {
    await inTemporaryFolder(async (folder) => {
      await make?.(folder);
      const before = listNames(folder);
      const typed = args.replaceAll("FOLDER", folder).split(" ");
      const computes = /^(predict|evaluate|method)/.test(args);
      const { status, output, errors } = await runMain(
        ...typed,
        ...(computes ? [`backend=${testBackendName}`] : []),
      );
      assertEquals(errors.length, 1, errors.join("\n"));
      const [message] = errors as [string];
      assert(message.startsWith("error: "), message);
      for (const word of words) {
        const expected = word.replaceAll("FOLDER", folder);
        assert(message.includes(expected), `${message}: no ${expected}`);
      }
      assertEquals(status, 2);
      assertEquals(output, "");
      assertEquals(listNames(folder), before, "nothing is left behind");
    });
  });
}

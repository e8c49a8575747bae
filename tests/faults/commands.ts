import { createHash } from "node:crypto";
import { join } from "@std/path";
import type { HubServer } from "../hub_server/hub_server.ts";
import { dataPath } from "../reference.ts";
import { copyFolder } from "../temporary_folder.ts";
import type { KillCase } from "./kill_case.ts";

const MICRO = dataPath("tests/data/micro_pool");
const PROCESSOR = "preprocessor_config.json";
/** It computes the same twice. */
const BACKEND = "backend=wasm";

/** Makes a pool of three experts and their ancestor. */
async function makePool(folder: string): Promise<void> {
  await copyFolder(MICRO, folder);
  await Deno.copyFile(
    dataPath(`tests/data/demo_pool/pretrained/${PROCESSOR}`),
    join(folder, "pretrained", PROCESSOR),
  );
}

/** Makes a data set of a few grey images in as many classes. */
async function makeImages(folder: string, count: number): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const images = new Uint8Array(16 + count * 64);
  images.set([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 8, 0, 0, 0, 8]);
  for (let i = 16; i < images.length; i++) images[i] = (i * 37) & 255;
  const labels = new Uint8Array(8 + count);
  labels.set([0, 0, 8, 1, 0, 0, 0, count]);
  for (let i = 0; i < count; i++) labels[8 + i] = i % 2;
  await Deno.writeFile(join(folder, "images.idx"), images);
  await Deno.writeFile(join(folder, "labels.idx"), labels);
}

const mergeWords = (work: string, sources: string): string[] => [
  "method=task_arithmetic",
  `modelpool=${sources}/pool`,
  BACKEND,
  "chunk_size=500",
  `merged_model_save_path=${work}/out`,
];

/** A merge that evaluates and writes two results. */
export const mergeCase: KillCase = {
  name: "merge, evaluate and report",
  async prepare(sources) {
    await makePool(join(sources, "pool"));
    await makeImages(join(sources, "tasks/alpha/test"), 4);
  },
  words: (work, sources) => [
    ...mergeWords(work, sources),
    `taskpool=${sources}/tasks`,
    `report_save_path=${work}/report.json`,
  ],
  // Saved, and not evaluated yet, it is whole: its card has no results.
  variants: (work, sources) => [mergeWords(work, sources)],
};

const convert: KillCase = {
  name: "convert",
  prepare: (sources) => makePool(join(sources, "pool")),
  words: (work, sources) => [
    "convert",
    `input=${sources}/pool/pretrained`,
    `output=${work}/out`,
    BACKEND,
  ],
  variants: (work, sources) => [[
    "convert",
    `input=${sources}/pool/alpha`,
    `output=${work}/out`,
    BACKEND,
  ]],
};

const evaluate: KillCase = {
  name: "evaluate with report",
  async prepare(sources) {
    await makePool(join(sources, "pool"));
    await makeImages(join(sources, "tasks/digits/test"), 8);
  },
  words: (work, sources) => [
    "evaluate",
    `model=${sources}/pool/pretrained`,
    `taskpool=${sources}/tasks`,
    `report_save_path=${work}/report.json`,
    BACKEND,
  ],
};

const finetune: KillCase = {
  name: "finetune",
  async prepare(sources) {
    await makePool(join(sources, "pool"));
    await makeImages(join(sources, "train"), 8);
  },
  words: (work, sources) => [
    "finetune",
    `model=${sources}/pool/pretrained`,
    `train=${sources}/train`,
    "class_names=[a,b]",
    `output=${work}/out`,
    "batch_size=2",
    "max_steps=4",
    "state_interval=1",
    "save_interval=2",
    "save_top_k=-1",
    BACKEND,
  ],
  // TensorBoard wants the time in an event file's name, which the state tells.
  leaveOut: /^(events\.out\.tfevents|training_state\.json$)/,
};

const search: KillCase = {
  name: "search",
  async prepare(sources) {
    await makePool(join(sources, "pool"));
    await makeImages(join(sources, "train"), 8);
  },
  words: (work, sources) => [
    "search",
    "method=task_arithmetic",
    "method.scaling_factor=0.1:0.9:0.2",
    `modelpool=${sources}/pool`,
    ...["alpha", "beta", "gamma"].map((task) =>
      `+modelpool.train_datasets.${task}=${sources}/train`
    ),
    "images=2",
    "validation_fraction=0.5",
    `merged_model_save_path=${work}/out`,
    BACKEND,
  ],
};

/** A download from a hub that takes its time. */
function download(hub: HubServer): KillCase {
  return {
    name: "download",
    async prepare() {
      await hub.putFolder("me/model", join(MICRO, "pretrained"));
      hub.fault({ path: /^storage:/, slow: 1500, times: Infinity });
    },
    words: () => ["inspect", "me/model"],
    env: (work) => ({
      HF_ENDPOINT: hub.url,
      HF_HOME: join(work, "hf"),
      HF_HUB_CACHE: "",
    }),
    check: checkBlobs,
  };
}

/** Checks that a content that has its name is what it says. */
function checkBlobs(work: string): void {
  const blobs = join(work, "hf/hub/models--me--model/blobs");
  let entries: Deno.DirEntry[] = [];
  try {
    entries = [...Deno.readDirSync(blobs)];
  } catch {
    return; // The download has not come so far.
  }
  for (const { name } of entries) {
    const bytes = Deno.readFileSync(join(blobs, name));
    const hash = name.length === 64
      ? createHash("sha256").update(bytes)
      : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes);
    if (!name.endsWith(".incomplete") && hash.digest("hex") !== name) {
      throw new Error(
        `blob ${name} has ${bytes.length} bytes that are not its`,
      );
    }
  }
}

/** All commands that are killed. */
export function killCases(hub: HubServer): KillCase[] {
  return [mergeCase, download(hub), convert, evaluate, finetune, search];
}

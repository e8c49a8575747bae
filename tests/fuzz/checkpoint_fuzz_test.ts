import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  elementCount,
  openCheckpoint,
  type StateDict,
} from "../../src/checkpoint/mod.ts";
import { openConvNext } from "../../src/convnext/mod.ts";
import { FusionError } from "../../src/fusion_error.ts";
import { dataPath } from "../reference.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";
import { fuzz, mutations } from "./mutations.ts";

/** As in dataset_case.ts. */
const LONGEST = 30_000;

/**
 * Opens a damaged file and reads all of it: gives tensors that fit what it says
 * of them, or a FusionError of one line that names the file.
 */
async function assertSafe(
  path: string,
  fileBytes: number,
  open: (path: string) => Promise<StateDict> = openCheckpoint,
): Promise<void> {
  const begin = performance.now();
  try {
    const file = await open(path);
    try {
      let elements = 0;
      for (const name of file.names) {
        const size = elementCount(file.info(name).shape);
        elements += size;
        assert(elements <= 16 * fileBytes, `${elements} elements`);
        assertEquals((await file.read(name)).length, size);
      }
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof FusionError)) throw error;
    assert(error.message.includes(path), error.message);
    assert(!error.message.includes("\n"), error.message);
    assert(error.message.length < 2000, error.message);
  }
  const took = performance.now() - begin;
  assert(took < LONGEST, `took ${took} ms`);
}

const FILES: Record<string, string> = {
  "safetensors": "pytorch/expected.safetensors",
  "zip": "pytorch/training.pth",
  "zip of protocol 4": "pytorch/protocol4.pt",
  "zip with os.system": "pytorch/evil.bin",
  "zip of views": "pytorch/zip.bin",
  "legacy": "pytorch/legacy.bin",
};

for (const [name, file] of Object.entries(FILES)) {
  Deno.test(`fuzz: damaged ${name} files`, async () => {
    const original = await Deno.readFile(
      dataPath(`tests/data/formats/${file}`),
    );
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/${file.split("/").at(-1)}`;
      await fuzz(
        name,
        fc.asyncProperty(mutations, async (mutate) => {
          const bytes = mutate(original);
          await Deno.writeFile(path, bytes);
          await assertSafe(path, bytes.length);
        }),
      );
    });
  });
}

for (const model of ["convnextv2", "timm"]) {
  Deno.test(`fuzz: damaged config.json of ${model}`, async () => {
    const folder = dataPath(`tests/data/formats/${model}`);
    const original = await Deno.readFile(`${folder}/config.json`);
    await inTemporaryFolder(async (copy) => {
      await Deno.copyFile(
        `${folder}/model.safetensors`,
        `${copy}/model.safetensors`,
      );
      await fuzz(
        `config.json of ${model}`,
        fc.asyncProperty(mutations, async (mutate) => {
          await Deno.writeFile(`${copy}/config.json`, mutate(original));
          await assertSafe(
            copy,
            1 << 20,
            async (path) => (await openConvNext(path)).stateDict,
          );
        }),
      );
    });
  });
}

Deno.test("fuzz: config.json of any JSON", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = dataPath("tests/data/formats/convnextv2");
    await Deno.copyFile(
      `${source}/model.safetensors`,
      `${folder}/model.safetensors`,
    );
    const original = JSON.parse(
      await Deno.readTextFile(`${source}/config.json`),
    );
    await fuzz(
      "config.json of any JSON",
      fc.asyncProperty(
        fc.constantFrom("architecture", ...Object.keys(original)),
        fc.oneof(
          fc.jsonValue(),
          fc.constantFrom(1e9, 2 ** 53, -1, 1e308, [], {}, [1e9], "\u2028"),
        ),
        async (key, value) => {
          await Deno.writeTextFile(
            `${folder}/config.json`,
            JSON.stringify({ ...original, [key]: value }),
          );
          await assertSafe(
            folder,
            1 << 20,
            async (path) => (await openConvNext(path)).stateDict,
          );
        },
      ),
    );
  });
});

Deno.test("fuzz: pickles of random instructions", async () => {
  const head = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a]
    .concat(0xa8, 0x50, 0x19, 0x2e, 0x80, 2, 0x4d, 0xe9, 3, 0x2e, 0x4e, 0x2e);
  const text = (code: string): number[] =>
    Array.from(code, (letter) => letter.charCodeAt(0));
  const instruction = fc.constantFrom(
    ...Array.from("(0125N)]}tldaesuRbQ\x85\x86\x87\x88\x89\x93\x94", text),
    ...["K\x07", "M\xff\xff", "J\xff\xff\xff\xff", "h\x00", "q\x00", "q\x01"]
      .map(text),
    ...["j\xff\xff\xff\x7f", "U\x07storage", "X\x01\x00\x00\x00w"].map(text),
    ...["\x8a\x01\xff", "G\x7f\xf0\x00\x00\x00\x00\x00\x00"].map(text),
    ...[
      "ccollections\nOrderedDict\n",
      "ctorch\nFloatStorage\n",
      "cos\nsystem\n",
    ]
      .map(text),
    ...["ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nSize\n"].map(text),
  );
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/model.pt`;
    await fuzz(
      "pickles of random instructions",
      fc.asyncProperty(
        fc.array(instruction, { maxLength: 60 }),
        async (instructions) => {
          const tail = [0x2e, 0x5d, 0x2e];
          const bytes = Uint8Array.from([
            ...head,
            ...instructions.flat(),
            ...tail,
          ]);
          await Deno.writeFile(path, bytes);
          await assertSafe(path, bytes.length);
        },
      ),
      10,
    );
  });
});

/** What a large or deep text in a header does; none may crash the reader. */
const HOSTILE: Record<string, () => Uint8Array> = {
  "a header of 2^63 bytes": () => header("{}", 1n << 63n),
  "a header of 2^64 - 1 bytes": () => header("{}", (1n << 64n) - 1n),
  "a header of 1e8 bytes that is not there": () => header("{}", 100_000_000n),
  "a header nested a million deep": () => header("[".repeat(1_000_000)),
  "a dtype nested a hundred thousand deep": () =>
    header(
      `{"a":{"dtype":${"[".repeat(1e5)}${
        "]".repeat(1e5)
      },"shape":[],"data_offsets":[0,4]}}`,
    ),
  "a name of a million letters": () =>
    header(`{"${"a".repeat(1_000_000)}":{"dtype":"F33"}}`),
  "a shape whose product wraps around": () =>
    header(
      `{"a":{"dtype":"F32","shape":[4294967296,4294967296,0,4294967296],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`,
    ),
  "__proto__ as a name": () =>
    header(`{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,0]}}`),
};

function header(json: string, length = BigInt(json.length)): Uint8Array {
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(new TextEncoder().encode(json), 8);
  return bytes;
}

for (const [name, make] of Object.entries(HOSTILE)) {
  Deno.test(`safetensors: ${name}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const path = `${folder}/model.safetensors`;
      await Deno.writeFile(path, make());
      await assertSafe(path, 1 << 20);
    });
  });
}

for (const [open, close] of ["[]", "{}"].map((pair) => [...pair])) {
  Deno.test(`config.json nested a million deep in ${open}${close}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const key = open === "{" ? '"a":' : "";
      await Deno.writeTextFile(
        `${folder}/config.json`,
        `{"model_type":"convnext","depths":${(open! + key).repeat(1e6)}1${
          close!.repeat(1e6)
        }}`,
      );
      await assertSafe(
        folder,
        1 << 20,
        async (path) => (await openConvNext(path)).stateDict,
      );
    });
  });
}

import { assertEquals, assertRejects } from "@std/assert";
import { openPytorch } from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

interface Entry {
  name: string;
  content: Uint8Array;
  /** What its directory entry says instead, by field. */
  method?: number;
  flags?: number;
  size?: number;
  position?: number;
}

/** A zip file of stored entries, with what its end says instead. */
function zip(
  entries: Entry[],
  end: { count?: number; size?: number; position?: number } = {},
): Uint8Array {
  const bytes: number[] = [];
  const directory: number[] = [];
  const number = (to: number[], value: number, length: number): void => {
    for (let i = 0; i < length; i++) {
      to.push(Math.floor(value / 2 ** (8 * i)) % 256);
    }
  };
  for (const entry of entries) {
    const { name, content, method = 0, flags = 0 } = entry;
    const position = entry.position ?? bytes.length;
    const size = entry.size ?? content.length;
    const encoded = new TextEncoder().encode(name);
    const common = (to: number[]): void => {
      for (const value of [20, flags, method, 0, 0]) number(to, value, 2);
      for (const value of [0, size, size]) number(to, value, 4);
      for (const value of [encoded.length, 0]) number(to, value, 2);
    };
    number(bytes, 0x04034b50, 4);
    common(bytes);
    bytes.push(...encoded, ...content);
    number(directory, 0x02014b50, 4);
    number(directory, 20, 2);
    common(directory);
    for (const value of [0, 0, 0]) number(directory, value, 2);
    for (const value of [0, position]) number(directory, value, 4);
    directory.push(...encoded);
  }
  const position = end.position ?? bytes.length;
  bytes.push(...directory);
  number(bytes, 0x06054b50, 4);
  for (const value of [0, 0]) number(bytes, value, 2);
  const count = end.count ?? entries.length;
  for (const value of [count, count]) number(bytes, value, 2);
  for (const value of [end.size ?? directory.length, position]) {
    number(bytes, value, 4);
  }
  number(bytes, 0, 2);
  return Uint8Array.from(bytes);
}

const text = (code: string): Uint8Array =>
  Uint8Array.from(code, (letter) => letter.charCodeAt(0));

/** `{"w": a tensor of two float32}` */
const PICKLE: Entry = {
  name: "m/data.pkl",
  content: text(
    "\x80\x02}U\x01wctorch._utils\n_rebuild_tensor_v2\n((U\x07storage" +
      "ctorch\nFloatStorage\nU\x010U\x03cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs.",
  ),
};
const floats = new DataView(new ArrayBuffer(8));
floats.setFloat32(0, 1.5);
floats.setFloat32(4, -2);
const DATA: Entry = {
  name: "m/data/0",
  content: new Uint8Array(floats.buffer),
};
const order = (name: string): Entry => ({
  name: "m/byteorder",
  content: text(name),
});

async function withZip(
  bytes: Uint8Array,
  test: (path: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/model.pt`;
    await Deno.writeFile(path, bytes);
    await test(path);
  });
}

Deno.test("openPytorch() reads files of big-endian machines", async () => {
  await withZip(zip([PICKLE, DATA, order("big")]), async (path) => {
    const file = await openPytorch(path);
    assertEquals([...await file.read("w")], [1.5, -2]);
    assertEquals([...await file.read("w", 1)], [-2]);
    file.close();
  });
});

const HOSTILE: Record<string, [bytes: Uint8Array, message: string]> = {
  "compressed": [
    zip([PICKLE, { ...DATA, method: 8 }]),
    '"m/data/0" is compressed or encrypted',
  ],
  "encrypted": [zip([PICKLE, { ...DATA, flags: 1 }]), "encrypted"],
  "two files in the same bytes": [
    zip([PICKLE, DATA, { ...DATA, name: "m/data/1", position: 0 }]),
    "overlaps the file before it",
  ],
  "a file that reaches into the directory": [
    zip([PICKLE, { ...DATA, size: 100 }]),
    "after the files' end",
  ],
  "a file of 2^32 - 1 bytes": [
    zip([PICKLE, { ...DATA, size: 2 ** 32 - 1 }]),
    "after the files' end",
  ],
  "a header beyond the end": [
    zip([PICKLE, { ...DATA, position: 2 ** 31 }]),
    "points to bytes 2147483648",
  ],
  "no header there": [
    zip([PICKLE, { ...DATA, position: 200 }]),
    "no header at byte 200",
  ],
  "a name twice": [zip([PICKLE, DATA, DATA]), 'it has "m/data/0" twice'],
  "a wrong count": [zip([PICKLE, DATA], { count: 7 }), "said to be 7"],
  "a directory of 4 GB": [
    zip([PICKLE, DATA], { size: 2 ** 32 - 1 }),
    "its directory has 4294967295 bytes",
  ],
  "a directory beyond the end": [
    zip([PICKLE, DATA], { position: 2 ** 32 - 1 }),
    "beyond the file's end",
  ],
  "no data.pkl": [zip([DATA]), "with 0 data.pkl"],
  "two data.pkl": [
    zip([PICKLE, { ...PICKLE, name: "n/data.pkl" }]),
    "with 2 data.pkl",
  ],
  "TorchScript": [
    zip([PICKLE, { ...DATA, name: "m/code/a.py" }]),
    "TorchScript program",
  ],
  "a storage that is missing": [zip([PICKLE]), 'storage "0" has 0 bytes'],
  "a storage too short": [
    zip([PICKLE, { ...DATA, content: new Uint8Array(7) }]),
    'storage "0" has 7 bytes, expected 8',
  ],
  "another byte order": [zip([PICKLE, DATA, order("middle")]), '"middle"'],
  "a byte order of 1 kB": [
    zip([PICKLE, DATA, order("x".repeat(1024))]),
    "byteorder has 1024 bytes",
  ],
};

for (const [name, [bytes, message]] of Object.entries(HOSTILE)) {
  Deno.test(`a zip file is refused: ${name}`, async () => {
    await withZip(bytes, async (path) => {
      const error = await assertRejects(
        () => openPytorch(path),
        CheckpointError,
      );
      assertEquals(error.message.includes(message), true, error.message);
      assertEquals(error.message.startsWith(path), true, error.message);
    });
  });
}

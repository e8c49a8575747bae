import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  listCheckpointFiles,
  openCheckpoint,
  SafetensorsWriter,
} from "../../src/checkpoint/mod.ts";
import { CheckpointError } from "../../src/fusion_error.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

const FIRST = "model-00001-of-00002.safetensors";
const SECOND = "model-00002-of-00002.safetensors";

async function writeShard(
  path: string,
  tensors: Record<string, number[]>,
): Promise<void> {
  const writer = await SafetensorsWriter.create(
    path,
    Object.entries(tensors).map(([name, values]) => ({
      name,
      dtype: "F32",
      shape: [values.length],
    })),
  );
  for (const [name, values] of Object.entries(tensors)) {
    await writer.write(name, 0, Float32Array.from(values));
  }
  await writer.finish();
}

/** Two shards and an index of them. */
async function writeShards(folder: string, index: unknown): Promise<string> {
  await writeShard(join(folder, FIRST), { a: [1, 2], c: [3] });
  await writeShard(join(folder, SECOND), { b: [4, 5, 6] });
  const path = join(folder, "model.safetensors.index.json");
  await Deno.writeTextFile(
    path,
    typeof index === "string" ? index : JSON.stringify(index),
  );
  return path;
}

Deno.test("openCheckpoint() reads shards as one", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = await writeShards(folder, {
      metadata: { total_size: 24 },
      weight_map: { b: SECOND, a: FIRST, c: FIRST },
    });
    for (const place of [folder, path]) {
      const checkpoint = await openCheckpoint(place);
      assertEquals(checkpoint.source, path);
      assertEquals(checkpoint.names, ["b", "a", "c"]);
      assertEquals(checkpoint.info("b"), { dtype: "F32", shape: [3] });
      assertEquals([...await checkpoint.read("a")], [1, 2]);
      assertEquals([...await checkpoint.read("b", 1)], [5, 6]);
      assertEquals([...await checkpoint.read("c", 0, 1)], [3]);
      const target = new Float32Array(1);
      await checkpoint.readInto!("b", 2, 3, target);
      assertEquals([...target], [6]);
      await assertRejects(
        () => checkpoint.read("d"),
        CheckpointError,
        `has no tensor "d"`,
      );
      checkpoint.close();
      await assertRejects(() => checkpoint.read("a"), CheckpointError);
      assertEquals(
        await listCheckpointFiles(place),
        ["model.safetensors.index.json", FIRST, SECOND],
      );
    }
  });
});

const map = (file: unknown): unknown => ({ weight_map: { a: file } });
const HOSTILE: Record<string, [index: unknown, message: RegExp]> = {
  "not JSON": ["{", /not JSON/],
  "null": [null, /has no "weight_map"/],
  "no weight_map": [{}, /has no "weight_map"/],
  "a list": [{ weight_map: [FIRST] }, /has no "weight_map"/],
  "name twice": [
    `{"weight_map":{"a":"${FIRST}","a":"${SECOND}"}}`,
    /has "a" twice/,
  ],
  "missing shard": [map("other.safetensors"), /other\.safetensors: no such/],
  "missing tensor": [
    map(SECOND),
    /tensor "a" should be in model-00002-of-00002\.safetensors, which does not/,
  ],
  "folder above": [map("../x.safetensors"), /said to be in "\.\.\/x\.safe/],
  "folder below": [map("x/y.safetensors"), /in the same folder/],
  "backslash": [map("..\\x.safetensors"), /in the same folder/],
  "root": [map("/etc/passwd"), /in the same folder/],
  "another kind of file": [map("pytorch_model.bin"), /\.safetensors file/],
  "number": [map(1), /said to be in 1, expected/],
};

for (const [name, [index, message]] of Object.entries(HOSTILE)) {
  Deno.test(`an index is refused: ${name}`, async () => {
    await inTemporaryFolder(async (folder) => {
      await writeShards(folder, index);
      const error = await assertRejects(
        () => openCheckpoint(folder),
        CheckpointError,
        folder,
      );
      assertMatch(error.message, message);
    });
  });
}

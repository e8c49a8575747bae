import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseConfigFile } from "../../src/config/source.ts";
import { cardConfigurations } from "../../src/dataset/dataset_card.ts";
import { openDataset, parseIdx } from "../../src/dataset/mod.ts";
import { decompress } from "../../src/dataset/parquet/decompress.ts";
import {
  readDeltas,
  readHybrid,
  readPlainBytes,
} from "../../src/dataset/parquet/encodings.ts";
import { readThrift } from "../../src/dataset/parquet/thrift.ts";
import { ConfigError, DatasetError } from "../../src/fusion_error.ts";
import { tar } from "../dataset/make_tar.ts";
import { inTemporaryFolder } from "../temporary_folder.ts";

const MEBI = 2 ** 20;

/** Runs what must take neither long nor much memory. */
async function assertCheap(work: () => Promise<unknown>): Promise<void> {
  const before = Deno.memoryUsage().rss;
  const begin = performance.now();
  await work();
  const took = performance.now() - begin;
  const grew = Deno.memoryUsage().rss - before;
  assert(took < 30_000, `took ${took} ms`);
  assert(grew < 1024 * MEBI, `took ${grew / MEBI} MiB`);
}

async function gzip(chunks: Iterable<Uint8Array<ArrayBuffer>>) {
  const stream = ReadableStream.from(chunks)
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function footer(thrift: Uint8Array): Uint8Array {
  const file = new Uint8Array(4 + thrift.length + 8);
  const magic = new TextEncoder().encode("PAR1");
  file.set(magic);
  file.set(thrift, 4);
  new DataView(file.buffer).setUint32(4 + thrift.length, thrift.length, true);
  file.set(magic, 8 + thrift.length);
  return file;
}

Deno.test("hostile parquet footers are refused at once", async () => {
  const nested = new Uint8Array(3 * MEBI).fill(0x1c); // a struct in a struct …
  const lists = new Uint8Array(3 * MEBI).fill(0x19); // a list in a list …
  const cases: [Uint8Array, string][] = [
    [nested, "nested more than 24 deep"],
    [lists, "nested more than 24 deep"],
    // A number of a million bytes.
    [new Uint8Array(MEBI).fill(0x80).fill(0x16, 0, 1), "more than 10 bytes"],
    // A list of 2^31 structs.
    [
      Uint8Array.of(0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07),
      "list of 2147483647 elements cut off",
    ],
    // A text of 2^40 bytes.
    [Uint8Array.of(0x18, 128, 128, 128, 128, 128, 32), "text cut off"],
    [new Uint8Array(1), "footer at byte 4 is damaged"],
  ];
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/x.parquet`;
    for (const [thrift, message] of cases) {
      await Deno.writeFile(path, footer(thrift));
      await assertCheap(() =>
        assertRejects(() => openDataset(path), DatasetError, message)
      );
    }
  });
});

Deno.test("hostile parquet pages are refused before memory is taken", async () => {
  const bomb = await gzip(Array(200).fill(new Uint8Array(MEBI)));
  const run = Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x0f, 1); // 2^31 times 1
  await assertCheap(async () => {
    assertThrows(() => decompress(bomb, 1000, "GZIP"));
    assertThrows(() => decompress(bomb, 2 ** 31, "GZIP"), Error, "at most");
    assertThrows(
      () => decompress(new Uint8Array(1000), 500 * MEBI, "SNAPPY"),
      Error,
      "claim to be",
    );
    assertEquals(readHybrid(run, 1, 3), Uint32Array.of(1, 1, 1));
    assertThrows(() => readHybrid(Uint8Array.of(0, 0), 1, 3), Error, "empty");
    assertThrows(() => readHybrid(Uint8Array.of(255, 3), 32, 9), Error, "cut");
    assertThrows(() => readHybrid(run, 33, 1), Error, "33 bits");
    assertThrows(() => readPlainBytes(run, 2 ** 24), Error, "cut off");
    const deltas = Uint8Array.of(128, 1, 255, 255, 255, 127, 3, 0);
    assertThrows(() => readDeltas(deltas, 3), Error, "differences");
    assertThrows(() => readThrift(new Uint8Array(0), 0), RangeError);
    await Promise.resolve();
  });
});

Deno.test("IDX files with absurd sizes are refused", async () => {
  const header = new Uint8Array(4 + 4 * 255).fill(0xff);
  header.set([0, 0, 8, 255]);
  assertThrows(() => parseIdx(header, "x"), DatasetError, "1024 bytes, expect");
  const claim = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2);
  const bomb = await gzip([claim, ...Array(500).fill(new Uint8Array(MEBI))]);
  await inTemporaryFolder(async (folder) => {
    await Deno.writeFile(`${folder}/images.idx.gz`, bomb);
    await Deno.writeFile(
      `${folder}/labels.idx`,
      Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 1),
    );
    await assertCheap(() =>
      assertRejects(
        () => openDataset(folder),
        DatasetError,
        "21 bytes, expected 20 for 2×1×2 elements",
      )
    );
  });
});

/** A PNG that says it has so many pixels. */
function png(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13]);
  bytes.set(new TextEncoder().encode("IHDR"), 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  bytes.set([1, 0, 0, 0, 0], 24);
  return bytes;
}

Deno.test("an image of 10^9 pixels in an archive is refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = `${folder}/x.tar`;
    await Deno.writeFile(
      path,
      tar([["a.png", png(40_000, 25_000)], ["a.cls", "0"]]),
    );
    const dataset = await openDataset(path);
    await assertCheap(() =>
      assertRejects(() => dataset.read(0), DatasetError, "x.tar: a.png: found")
    );
  });
});

Deno.test("a tar archive that claims more than it is, is refused", async () => {
  const whole = tar([["a.png", "x"], ["a.cls", "0"]]);
  // GNU's size in bytes: 2^62; its checksum is right.
  whole.fill(0, 124, 136);
  whole.set([0x80, 0, 0, 0, 0x40], 124);
  whole.fill(32, 148, 156);
  const sum = whole.subarray(0, 512).reduce((a, b) => a + b, 0);
  whole.set(new TextEncoder().encode(`${sum.toString(8)}\0`), 148);
  await inTemporaryFolder(async (folder) => {
    await Deno.writeFile(`${folder}/x.tar`, whole);
    await assertCheap(() =>
      assertRejects(
        () => openDataset(`${folder}/x.tar`),
        DatasetError,
        "header at byte 0: ",
      )
    );
  });
});

/** Each line has ten of the line before: 10^9 values, written out. */
function aliases(last: (name: string) => string): string {
  const lines = ["a0: &a0 [x, x]"];
  for (let i = 1; i < 10; i++) {
    lines.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join(", ")}]`);
  }
  return [...lines, last("*a9")].join("\n");
}

Deno.test("YAML aliases that explode are refused, or left alone", async () => {
  const url = new URL("file:///x.yaml");
  const file = { label: "x.yaml", url, root: url, group: "", name: "x" };
  await assertCheap(async () => {
    assertThrows(
      () => parseConfigFile({ ...file, text: aliases((a) => `models: ${a}`) }),
      ConfigError,
      "x.yaml: ",
    );
    const card = aliases((a) => `configs: ${a}`);
    assertEquals(cardConfigurations(`---\n${card}\n---`), []);
    await Promise.resolve();
  });
});

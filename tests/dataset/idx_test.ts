import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { openDataset, parseIdx } from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";

const demo = new URL("../../tests/data/demo_data/", import.meta.url).pathname;

/** An IDX file with sizes `shape`. */
function idx(type: number, shape: number[], body: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint8(2, type);
  header.setUint8(3, shape.length);
  shape.forEach((size, i) => header.setUint32(4 + 4 * i, size));
  return Uint8Array.of(...new Uint8Array(header.buffer), ...body);
}

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([Uint8Array.from(bytes)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Runs with a folder that holds these files. */
async function withFiles(
  files: Record<string, Uint8Array>,
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const images = idx(8, [2, 1, 2], Uint8Array.of(10, 20, 30, 40));
const labels = idx(8, [2], Uint8Array.of(7, 3));

// Images, width, height, sum of all RGB bytes, sum of labels times their
// position (from 1): counted with numpy.
const DEMO: Record<string, [number, number, number, number, number]> = {
  emoji: [400, 32, 32, 241530251, 314165],
  fashion_mnist: [500, 28, 28, 87686400, 540015],
  mnist: [500, 28, 28, 39259938, 550819],
  optdigits: [500, 8, 8, 7497690, 547171],
};

for (
  const [task, [length, width, height, pixels, sum]] of Object.entries(DEMO)
) {
  Deno.test(`the demo's ${task} test set reads as numpy reads it`, async () => {
    const dataset = await openDataset(`${demo}${task}/test`);
    assertEquals(dataset.length, length);
    let pixelSum = 0;
    let labelSum = 0;
    for (let i = 0; i < length; i++) {
      const { image, label } = await dataset.read(i);
      assertEquals([image.width, image.height], [width, height]);
      assertEquals(image.data.length, 3 * width * height);
      pixelSum += image.data.reduce((a, b) => a + b, 0);
      labelSum += (i + 1) * label;
    }
    assertEquals([pixelSum, labelSum], [pixels, sum]);
  });
}

Deno.test("grey becomes RGB, colour stays, compressed or not", async () => {
  const colour = idx(8, [2, 1, 1, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));
  await withFiles({
    "images.idx": images,
    "labels.idx.gz": await gzip(labels),
  }, async (folder) => {
    const dataset = await openDataset(folder);
    assertEquals(dataset.name, folder);
    assertEquals(dataset.length, 2);
    assertEquals(await dataset.read(1), {
      image: {
        width: 2,
        height: 1,
        data: Uint8Array.of(30, 30, 30, 40, 40, 40),
      },
      label: 3,
    });
    for (const index of [-1, 2, 0.5, NaN]) {
      await assertRejects(() => dataset.read(index), DatasetError);
    }
  });
  await withFiles({
    "images.idx.gz": await gzip(colour),
    "labels.idx": labels,
  }, async (folder) => {
    const { image } = await (await openDataset(folder)).read(1);
    assertEquals([...image.data], [4, 5, 6]);
  });
});

Deno.test("labels may be of any integer type, big-endian", () => {
  const cases: [number, number[], number[]][] = [
    [0x08, [200], [200]],
    [0x09, [200], [-56]],
    [0x0b, [1, 2], [258]],
    [0x0c, [0, 1, 0, 2], [65538]],
  ];
  for (const [type, bytes, numbers] of cases) {
    const { data, shape } = parseIdx(
      idx(type, [1], Uint8Array.from(bytes)),
      "labels",
    );
    assertEquals([...data], numbers);
    assertEquals([...shape], [1]);
  }
});

Deno.test("a wrong header is named with what was expected", () => {
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(0), "begins with nothing, expected an IDX file"],
    [new TextEncoder().encode("hello"), "begins with 68 65 6c 6c"],
    [idx(0x0d, [1], new Uint8Array(4)), "element type is 0x0d, expected 0x08"],
    [Uint8Array.of(0, 0, 8, 3, 0), "5 bytes, expected a header of 16"],
    [idx(8, [3], new Uint8Array(2)), "10 bytes, expected 11 for 3 elements"],
    [idx(8, [1], new Uint8Array(2)), "10 bytes, expected 9 for 1 elements"],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(() => parseIdx(bytes, "x.idx"), DatasetError, message);
    assertThrows(() => parseIdx(bytes, "x.idx"), DatasetError, "x.idx: ");
  }
});

Deno.test("files that do not fit each other are named", async () => {
  const whole = await gzip(images);
  const cases: [Record<string, Uint8Array>, string][] = [
    [{
      "images.idx": images,
      "labels.idx": idx(8, [3], new Uint8Array(3)),
    }, "labels.idx: 3 labels, expected 2 as "],
    [{
      "images.idx": idx(8, [2], new Uint8Array(2)),
      "labels.idx": labels,
    }, "images.idx: 2 uint8, expected N×height×width"],
    [{
      "images.idx": idx(8, [2, 1, 1, 4], new Uint8Array(8)),
      "labels.idx": labels,
    }, "images.idx: 2×1×1×4 uint8, expected"],
    [{
      "images.idx": idx(0x0b, [2, 1, 1], new Uint8Array(4)),
      "labels.idx": labels,
    }, "images.idx: 2×1×1 int16, expected"],
    [{
      "images.idx": images,
      "labels.idx": images,
    }, "labels.idx: 2×1×2, expected one label for each image"],
    [{
      "images.idx.gz": images,
      "labels.idx": labels,
    }, "images.idx.gz: begins with 00 00 08 03, expected a gzip file"],
    [{
      "images.idx.gz": whole.slice(0, -6),
      "labels.idx": labels,
    }, "images.idx.gz: damaged gzip file"],
    [{ "images.idx": images }, "images.idx but no labels.idx.gz"],
    [{ "labels.idx.gz": labels }, "labels.idx.gz but no images.idx.gz"],
  ];
  for (const [files, message] of cases) {
    await withFiles(files, async (folder) => {
      const error = await assertRejects(
        () => openDataset(folder),
        DatasetError,
      );
      assertStringIncludes(error.message, message);
      assert(error.message.startsWith(folder));
      assert(!error.message.includes("\n"));
    });
  }
});

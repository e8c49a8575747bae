import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import sharp from "sharp";
import { openDataset } from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";

/** A folder of one-pixel PNGs: path to grey value; `null` is an empty folder. */
async function withImages(
  images: Record<string, number | string | null>,
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [path, content] of Object.entries(images)) {
      const directory = content === null
        ? path
        : path.slice(0, path.lastIndexOf("/") + 1);
      await Deno.mkdir(`${folder}/${directory}`, { recursive: true });
      if (typeof content === "string") {
        await Deno.writeTextFile(`${folder}/${path}`, content);
      } else if (content !== null) {
        const pixels = new Uint8Array(3).fill(content);
        const png = await sharp(pixels, {
          raw: { width: 1, height: 1, channels: 3 },
        }).png().toBuffer();
        await Deno.writeFile(`${folder}/${path}`, png);
      }
    }
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("classes are the sorted subfolders, images in order of paths", async () => {
  await withImages({
    "dog/b.png": 3,
    "dog/a.PNG": 2,
    "cat/deep/er/x.png": 1,
    "cat/readme.txt": "not an image",
    "cat/.hidden.png": "nor this",
    "zebra/z.png": 9,
  }, async (folder) => {
    const dataset = await openDataset(folder);
    assertEquals(dataset.classNames, ["cat", "dog", "zebra"]);
    assertEquals(dataset.length, 4);
    const all = await Promise.all([0, 1, 2, 3].map((i) => dataset.read(i)));
    assertEquals(
      all.map(({ image, label }) => [image.data[0], label]),
      [[1, 0], [2, 1], [3, 1], [9, 2]],
    );
    await assertRejects(() => dataset.read(4), DatasetError, "no image 4");
  });
});

Deno.test("given class names decide the labels", async () => {
  await withImages(
    { "cat/x.png": 1, "dog/y.png": 2, "cow": null },
    async (folder) => {
      const classNames = ["dog", "cow", "cat"];
      const dataset = await openDataset(folder, { classNames });
      assertEquals(dataset.classNames, classNames);
      const all = await Promise.all([0, 1].map((i) => dataset.read(i)));
      assertEquals(
        all.map(({ image, label }) => [image.data[0], label]),
        [[1, 2], [2, 0]],
      );
    },
  );
});

Deno.test("a folder that is no class of the model's is named", async () => {
  await withImages({ "cats/x.png": 1 }, async (folder) => {
    const error = await assertRejects(
      () => openDataset(folder, { classNames: ["dog", "cat"] }),
      DatasetError,
    );
    assertEquals(
      error.message,
      `${folder}/cats: cats is none of the 2 classes, did you mean cat?`,
    );
  });
});

Deno.test("what is no data set is named with what was found", async () => {
  const cases: [Record<string, number | string | null>, string][] = [
    [{}, ": an empty folder, expected images.idx.gz"],
    [{ "a.png": 1, "b.txt": "" }, ": found a.png, b.txt, expected images.idx"],
    [{ "cat/x.png": 1, "dog": null }, "/dog: no image, expected at least one"],
    [
      { "test/cat/x.png": 1, "train/cat/x.png": 1 },
      ": found the splits test, train, expected one of them: ",
    ],
  ];
  for (const [images, message] of cases) {
    await withImages(images, async (folder) => {
      const error = await assertRejects(
        () => openDataset(folder),
        DatasetError,
      );
      assertStringIncludes(error.message, folder + message);
    });
  }
  await assertRejects(
    () => openDataset("/no/such/folder"),
    DatasetError,
    "/no/such/folder: no such folder",
  );
});

Deno.test("a damaged image is named when it is read", async () => {
  await withImages({ "cat/x.png": "<html>404</html>" }, async (folder) => {
    const dataset = await openDataset(folder);
    const error = await assertRejects(() => dataset.read(0), DatasetError);
    assertStringIncludes(error.message, "cat/x.png: found a web page");
    assert(!error.message.includes("\n"));
  });
});

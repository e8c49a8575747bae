import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import sharp from "sharp";
import { decodeImage } from "../../src/dataset/mod.ts";
import { DatasetError } from "../../src/fusion_error.ts";
import cases from "./image_cases.json" with { type: "json" };

const images = new URL("../data/images/", import.meta.url);

const bytesOf = (base64: string): Uint8Array =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

// Files of every kind that Pillow 13 wrote, and the pixels it reads from them
// with exif_transpose and convert("RGB"). The profiles of icc.* swap red and
// green, which Pillow does not look at.
for (
  const [name, { mode, width, height, file, rgb }] of Object.entries(cases)
) {
  Deno.test(`${name} (${mode}) decodes as Pillow decodes it`, async () => {
    const image = await decodeImage(bytesOf(file));
    assertEquals([image.width, image.height], [width, height]);
    assertEquals(image.data, bytesOf(rgb));
  });
}

Deno.test("a path, a URL and bytes give the same image", async () => {
  const url = new URL("rotated.jpg", images);
  const image = await decodeImage(url);
  assertEquals([image.width, image.height], [300, 400]);
  assertEquals(await decodeImage(url.pathname), image);
  assertEquals(await decodeImage(await Deno.readFile(url)), image);
});

Deno.test("bytes after the image's end do no harm", async () => {
  const bytes = await Deno.readFile(new URL("photo.jpg", images));
  assertEquals(
    await decodeImage(Uint8Array.of(...bytes, 1, 2, 3)),
    await decodeImage(bytes),
  );
});

Deno.test("a cut-off image is an error, not a half-grey picture", async () => {
  for (const name of ["photo.jpg", "alpha.png", "grey.jpg", "palette.png"]) {
    const bytes = await Deno.readFile(new URL(name, images));
    for (const share of [0.01, 0.5, 0.9]) {
      const error = await assertRejects(
        () => decodeImage(bytes.slice(0, bytes.length * share), name),
        DatasetError,
      );
      assertStringIncludes(
        error.message,
        `${name}: found a damaged or cut-off`,
      );
      assert(!error.message.includes("\n"));
    }
  }
});

Deno.test("what is no image is named with what it seems to be", async () => {
  const found: [string, string][] = [
    ["", "an empty file"],
    ["hello", 'text ("hello")'],
    ["<!DOCTYPE html><p>", "a web page"],
    [
      "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='4'/>",
      "an SVG",
    ],
    ["version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"],
    ["%PDF-1.4\n", "a PDF"],
    ["PAR1\x15\x04", "a parquet file"],
    ["BM\x00\x00", "a BMP image"],
    ["\x00\x01\x02\x03\x04", "unknown bytes (00 01 02 03)"],
  ];
  for (const [content, kind] of found) {
    const bytes = Uint8Array.from(content, (c) => c.charCodeAt(0));
    const error = await assertRejects(
      () => decodeImage(bytes, "x.jpg"),
      DatasetError,
    );
    assertStringIncludes(error.message, `x.jpg: found ${kind}`);
    assertStringIncludes(error.message, "expected a whole JPEG");
  }
});

Deno.test("an image too large to be meant is refused unread", async () => {
  const png = await sharp({
    create: { width: 13400, height: 13400, channels: 3, background: "white" },
    limitInputPixels: false,
  }).png({ compressionLevel: 1 }).toBuffer();
  const error = await assertRejects(
    () => decodeImage(png, "bomb.png"),
    DatasetError,
  );
  assertStringIncludes(
    error.message,
    "bomb.png: found an image of more than 178956970 pixels",
  );
});

Deno.test("a missing file and a folder are named", async () => {
  await assertRejects(
    () => decodeImage("/no/such.png"),
    DatasetError,
    "/no/such.png: not found, expected an image file",
  );
  await assertRejects(() => decodeImage(images.pathname), DatasetError);
});

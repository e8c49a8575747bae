import type { Metadata, Sharp } from "sharp";
import { DatasetError } from "../fusion_error.ts";
import { describeBytes } from "./describe_bytes.ts";
import type { RgbImage } from "./rgb_image.ts";

// Pillow refuses larger ones as decompression bombs.
const MOST_PIXELS = 178_956_970;

/** No photograph is larger than 256 MiB. */
const LARGEST_FILE = 2 ** 28;

/** How the files begin that libvips is given: it knows many more kinds. */
const BEGINNINGS =
  /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF[^]{4}WEBP|II[*+]\0|MM\0[*+]|[^]{4}ftyp)/;

const FORMATS = ["jpeg", "png", "webp", "gif", "tiff", "heif"];

type SharpModule = typeof import("sharp");

let sharpModule: Promise<SharpModule> | undefined;

/** libvips takes a while to load, and many commands look at no image. */
function loadSharp(): Promise<SharpModule> {
  return sharpModule ??= import("sharp").then(({ default: sharp }) => {
    // Images come as bytes and only once: a cache would only hold memory.
    sharp.cache(false);
    return sharp;
  });
}

/**
 * Decodes an image file (JPEG, PNG, WebP, the first frame of a GIF, TIFF, AVIF)
 * to the pixels that Pillow's `exif_transpose` and `convert("RGB")` give:
 * upright, alpha dropped, colour profiles not applied. Two kinds differ: AVIF
 * (libheif interpolates colour otherwise) and a GIF's transparent pixels (black).
 *
 * @param source Its path, or its bytes.
 * @param name What error messages call it. @default the path
 * @throws {DatasetError} If there is no such file, or it is not a whole image.
 */
export async function decodeImage(
  source: string | URL | Uint8Array,
  name: string = source instanceof Uint8Array ? "image" : `${source}`,
): Promise<RgbImage> {
  const bytes = source instanceof Uint8Array
    ? source
    : await readFile(source, name);
  const sharp = await loadSharp();
  const open = (): Sharp =>
    sharp(bytes, {
      failOn: "error",
      limitInputPixels: MOST_PIXELS,
      ignoreIcc: true,
    }).autoOrient();
  try {
    const beginning = String.fromCharCode(...bytes.subarray(0, 16));
    if (!BEGINNINGS.test(beginning)) throw new Error("unknown kind of image");
    const metadata = await open().metadata();
    if (!FORMATS.includes(metadata.format)) {
      throw new Error(`${metadata.format} is not a format of photographs`);
    }
    return await decode(open(), metadata);
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0];
    throw new DatasetError(
      `${name}: found ${
        /pixel limit/.test(reason ?? "")
          ? `an image of more than ${MOST_PIXELS} pixels`
          : describeBytes(bytes)
      }, expected a whole JPEG, PNG, WebP, GIF, TIFF or AVIF image (${reason})`,
      { cause: error },
    );
  }
}

async function readFile(path: string | URL, name: string): Promise<Uint8Array> {
  try {
    const { size } = await Deno.stat(path);
    if (size > LARGEST_FILE) throw new Error(`${size} bytes`);
    return await Deno.readFile(path);
  } catch (error) {
    throw new DatasetError(
      `${name}: ${
        error instanceof Deno.errors.NotFound
          ? "not found"
          : (error as Error).message
      }, expected an image file`,
      { cause: error },
    );
  }
}

async function decode(image: Sharp, metadata: Metadata): Promise<RgbImage> {
  if (metadata.space === "cmyk") {
    const { data, info } = await image
      .pipelineColourspace("cmyk").toColourspace("cmyk")
      .raw().toBuffer({ resolveWithObject: true });
    return { ...sizeOf(info), data: cmykToRgb(data, info.channels) };
  }
  if (metadata.depth === "ushort") {
    const grey = metadata.channels < 3;
    const { data, info } = await image
      .pipelineColourspace(grey ? "grey16" : "rgb16")
      .toColourspace(grey ? "grey16" : "rgb16")
      .raw({ depth: "ushort" }).toBuffer({ resolveWithObject: true });
    const wide = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
    const narrow = metadata.channels === 1
      // Pillow keeps no range for single-channel 16 bits: it clips.
      ? new Uint8ClampedArray(wide)
      : Uint8Array.from(wide, (value) => value >> 8);
    return { ...sizeOf(info), data: toRgb(narrow, info.channels) };
  }
  const { data, info } = await image.raw().toBuffer({
    resolveWithObject: true,
  });
  return { ...sizeOf(info), data: toRgb(data, info.channels) };
}

function sizeOf(
  { width, height }: { width: number; height: number },
): { width: number; height: number } {
  return { width, height };
}

/** Drops alpha, repeats grey. */
function toRgb(
  data: Uint8Array | Uint8ClampedArray,
  channels: number,
): Uint8Array {
  if (channels === 3 && data instanceof Uint8Array) {
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  }
  const pixels = data.length / channels;
  const green = channels < 3 ? 0 : 1;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels) {
    rgb[to++] = data[from]!;
    rgb[to++] = data[from + green]!;
    rgb[to++] = data[from + 2 * green]!;
  }
  return rgb;
}

/** Pillow's plain conversion, without colour profiles. */
function cmykToRgb(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8ClampedArray(pixels * 3);
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels) {
    const light = 255 - data[from + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      // x * y / 255, rounded, in integers.
      const product = data[from + channel]! * light + 128;
      rgb[to++] = light - (((product >> 8) + product) >> 8);
    }
  }
  return new Uint8Array(rgb.buffer);
}

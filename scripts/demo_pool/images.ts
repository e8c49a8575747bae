import { join } from "@std/path";
import sharp from "sharp";
import { writeIdx } from "./idx.ts";

/** Side of all images, in pixels. */
export const SIZE = 32;

/** Images on a side of a sheet: one call of libvips draws them all. */
const SHEET = 16;

/** What a labelled image is drawn from. */
export interface Drawing {
  /** SVG elements in a view box of 0 0 32 32. */
  svg: string;
  /** Index of its class. */
  label: number;
  /** Changes its pixels. */
  finish?: (pixels: Uint8Array) => void;
}

/** Draws images and writes them as `images.idx.gz` and `labels.idx.gz`. */
export async function writeDrawings(
  folder: string,
  drawings: readonly Drawing[],
): Promise<void> {
  const bytes = SIZE * SIZE * 3;
  const images = new Uint8Array(drawings.length * bytes);
  for (let first = 0; first < drawings.length; first += SHEET ** 2) {
    const group = drawings.slice(first, first + SHEET ** 2);
    const sheet = await drawSheet(group.map(({ svg }) => svg));
    group.forEach(({ finish }, i) => {
      const image = images.subarray((first + i) * bytes).subarray(0, bytes);
      const left = (i % SHEET) * SIZE, top = Math.floor(i / SHEET) * SIZE;
      for (let y = 0; y < SIZE; y++) {
        const from = 3 * ((top + y) * SHEET * SIZE + left);
        image.set(sheet.subarray(from, from + 3 * SIZE), 3 * y * SIZE);
      }
      finish?.(image);
    });
  }
  await Deno.mkdir(folder, { recursive: true });
  const shape = [drawings.length, SIZE, SIZE, 3];
  await writeIdx(join(folder, "images.idx.gz"), shape, images);
  const labels = Int16Array.from(drawings, ({ label }) => label);
  await writeIdx(join(folder, "labels.idx.gz"), [drawings.length], labels);
}

/** RGB pixels of a square of SHEET x SHEET images. */
async function drawSheet(svgs: readonly string[]): Promise<Uint8Array> {
  const tiles = svgs.map((svg, i) =>
    `<svg x="${(i % SHEET) * SIZE}" y="${Math.floor(i / SHEET) * SIZE}" ` +
    `width="${SIZE}" height="${SIZE}" viewBox="0 0 ${SIZE} ${SIZE}" ` +
    `overflow="hidden">${svg}</svg>`
  );
  const side = SHEET * SIZE;
  const sheet = `<svg xmlns="http://www.w3.org/2000/svg" ` +
    `xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `width="${side}" height="${side}">${tiles.join("")}</svg>`;
  return await sharp(new TextEncoder().encode(sheet), { unlimited: true })
    .flatten({ background: "white" }).removeAlpha().raw().toBuffer();
}

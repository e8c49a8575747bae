import { extname } from "@std/path";

const EXTENSIONS = new Set(
  ".jpg .jpeg .png .webp .gif .tif .tiff .avif".split(" "),
);

/** Whether a file's name is that of an image that can be decoded. */
export function isImageName(name: string): boolean {
  return EXTENSIONS.has(extname(name).toLowerCase());
}

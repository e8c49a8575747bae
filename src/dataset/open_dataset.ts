import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import type { ImageClassificationDataset } from "./dataset.ts";
import { findIdxFiles, openIdx } from "./idx.ts";
import { type ImageFolderOptions, openImageFolder } from "./image_folder.ts";

const EXPECTED =
  "expected images.idx.gz and labels.idx.gz, or a subfolder of images for each class";

const SPLITS = ["test", "train", "val", "valid", "validation"];

/**
 * Opens a data set's folder, whichever kind it is: an IDX pair, or a
 * subfolder of images for each class.
 *
 * @param folder The folder.
 * @throws {DatasetError} If it is neither; says what is there.
 */
export async function openDataset(
  folder: string,
  options: ImageFolderOptions = {},
): Promise<ImageClassificationDataset> {
  const { files, folders } = await contents(folder);
  const idx = findIdxFiles(files);
  if (idx.images && idx.labels) {
    return await openIdx(folder, { images: idx.images, labels: idx.labels });
  }
  if (idx.images || idx.labels) {
    const [there, missing] = idx.images
      ? [idx.images, "labels.idx.gz"]
      : [idx.labels, "images.idx.gz"];
    throw new DatasetError(
      `${folder}: ${there} but no ${missing}, ${EXPECTED}`,
    );
  }
  const splits = folders.filter((name) => SPLITS.includes(name));
  if (splits.length > 0 && splits.length === folders.length) {
    throw new DatasetError(
      `${folder}: found the splits ${
        splits.join(", ")
      }, expected one of them: ${join(folder, splits[0]!)}`,
    );
  }
  if (folders.length > 0) return await openImageFolder(folder, options);
  throw new DatasetError(`${folder}: ${foundIn(files)}, ${EXPECTED}`);
}

function foundIn(files: readonly string[]): string {
  if (files.length === 0) return "an empty folder";
  const shown = files.slice(0, 3).join(", ");
  return `found ${shown}${
    files.length > 3 ? ` and ${files.length - 3} more` : ""
  }`;
}

async function contents(
  folder: string,
): Promise<{ files: string[]; folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [];
  try {
    for await (const { name, isFile, isSymlink } of Deno.readDir(folder)) {
      if (name.startsWith(".")) continue;
      const file = isSymlink
        ? (await Deno.stat(join(folder, name))).isFile
        : isFile;
      (file ? files : folders).push(name);
    }
  } catch (error) {
    const found = error instanceof Deno.errors.NotFound
      ? "no such folder"
      : error instanceof Deno.errors.NotADirectory
      ? "not a folder"
      : (error as Error).message;
    throw new DatasetError(`${folder}: ${found}, ${EXPECTED}`, {
      cause: error,
    });
  }
  return { files: files.sort(), folders: folders.sort() };
}

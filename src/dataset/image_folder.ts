import { join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import {
  checkIndex,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
import { decodeImage } from "./image.ts";
import { isImageName } from "./image_names.ts";
import { nearestName } from "./nearest_name.ts";

/** How to open a folder of images. */
export interface ImageFolderOptions {
  /**
   * Class names in order of their labels, as in a model's `id2label`; each
   * subfolder must be one of them, but not each needs a subfolder.
   * @default the subfolders' names, sorted
   */
  classNames?: readonly string[] | undefined;
}

/** One image of the folder. */
interface Entry {
  path: string;
  label: number;
}

/**
 * Opens a folder with a subfolder of images for each class, as torchvision's
 * `ImageFolder` does: images anywhere below it, in order of their paths.
 *
 * @param folder The folder.
 * @throws {DatasetError} If a subfolder is no class of `classNames`, or, when
 * the subfolders name the classes, has no image.
 */
export async function openImageFolder(
  folder: string,
  options: ImageFolderOptions = {},
): Promise<ImageClassificationDataset> {
  const folders = (await list(folder))
    .filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name);
  const classNames = options.classNames ?? folders;
  const entries: Entry[] = [];
  for (const className of folders) {
    const label = classNames.indexOf(className);
    if (label === -1) {
      throw new DatasetError(
        `${
          join(folder, className)
        }: ${className} is none of the ${classNames.length} classes, did you mean ${
          nearestName(className, classNames)
        }?`,
      );
    }
    const paths = await imagesBelow(join(folder, className));
    if (paths.length === 0 && !options.classNames) {
      throw new DatasetError(
        `${
          join(folder, className)
        }: no image, expected at least one of class ${className}`,
      );
    }
    for (const path of paths) entries.push({ path, label });
  }
  if (entries.length === 0) {
    throw new DatasetError(
      `${folder}: no image, expected a subfolder of images for each class`,
    );
  }
  return new ImageFolderDataset(
    folder,
    classNames,
    options.classNames === undefined,
    entries,
  );
}

class ImageFolderDataset implements ImageClassificationDataset {
  constructor(
    readonly name: string,
    readonly classNames: readonly string[],
    readonly classesAreSorted: boolean,
    readonly entries: readonly Entry[],
  ) {}

  get length(): number {
    return this.entries.length;
  }

  async read(index: number): Promise<ImageExample> {
    checkIndex(this, index);
    const { path, label } = this.entries[index]!;
    return { image: await decodeImage(path), label };
  }
}

/** Paths of the images in a folder and its subfolders, sorted. */
async function imagesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const { name, isDirectory } of await list(folder)) {
    const path = join(folder, name);
    if (isDirectory) paths.push(...await imagesBelow(path));
    else if (isImageName(name)) paths.push(path);
  }
  return paths;
}

/** Entries of a folder, sorted, links followed, hidden ones left out. */
async function list(
  folder: string,
): Promise<{ name: string; isDirectory: boolean }[]> {
  const entries = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name.startsWith(".")) continue;
    const { isDirectory } = entry.isSymlink
      ? await Deno.stat(join(folder, entry.name))
      : entry;
    entries.push({ name: entry.name, isDirectory });
  }
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

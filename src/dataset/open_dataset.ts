import { basename, dirname, join } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import { listed } from "../listed.ts";
import type { ImageClassificationDataset } from "./dataset.ts";
import { cardConfigurations } from "./dataset_card.ts";
import { findIdxFiles, openIdx } from "./idx.ts";
import { openImageFolder } from "./image_folder.ts";
import { type FoundFolder, listFolder, pathsBelow } from "./list_folder.ts";
import type { ColumnOptions } from "./parquet/choose_columns.ts";
import { openParquet } from "./parquet/parquet_dataset.ts";
import {
  chooseFiles,
  DATA_KINDS,
  type DataKind,
  isSplitWord,
  type SplitChoice,
  splitWords,
} from "./split_files.ts";
import { subset, type SubsetOptions } from "./subset.ts";
import { openTable } from "./table_dataset.ts";
import { openWebDataset } from "./web_dataset.ts";

/** Which part of a data set to open, and how. */
export interface OpenDatasetOptions
  extends SplitChoice, SubsetOptions, ColumnOptions {
  /**
   * Class names in order of their labels, as in a model's `id2label`.
   * @default the data set's own: its features, folders or names, sorted
   */
  classNames?: readonly string[] | undefined;
}

const EXPECTED =
  "expected images.idx.gz and labels.idx.gz, a subfolder of images for each class, or parquet, tar, CSV or JSON lines files";

/**
 * Opens a data set, whichever kind it is: an IDX pair, a subfolder of images
 * for each class, parquet files, WebDataset's tar archives, or tables (CSV,
 * TSV, JSON lines) of image paths and labels. Images are read when they are
 * asked for.
 *
 * @param path Its folder, or a file of it.
 * @throws {DatasetError} If it is none; says what is there. If there are
 * several splits or configurations and none is chosen.
 */
export async function openDataset(
  path: string,
  options: OpenDatasetOptions = {},
): Promise<ImageClassificationDataset> {
  const kind = DATA_KINDS.find(({ ending }) => ending.test(path))?.kind;
  if (kind && await isFile(path)) {
    return subset(
      await openFiles(kind, path, [path], dirname(path), options),
      options,
    );
  }
  return subset(await openFolder(path, options), options);
}

async function openFolder(
  folder: string,
  options: OpenDatasetOptions,
): Promise<ImageClassificationDataset> {
  const found = await listFolder(folder, EXPECTED);
  const { files } = found;
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
  const paths = (await pathsBelow(folder)).filter((path) =>
    DATA_KINDS.some(({ ending }) => ending.test(path))
  );
  const chosen = chooseFiles(
    paths,
    folder,
    options,
    await readCard(folder, files),
  );
  if (chosen) {
    return await openFiles(
      chosen.kind,
      folder,
      chosen.paths.map((path) => join(folder, path)),
      folder,
      options,
    );
  }
  return await openClasses(folder, found, options);
}

/** Opens a folder of classes, or the folder of the split that is wanted. */
async function openClasses(
  folder: string,
  { files, folders }: FoundFolder,
  options: OpenDatasetOptions,
): Promise<ImageClassificationDataset> {
  const { split, config, ...rest } = options;
  const inner = config !== undefined && folders.includes(config)
    ? { folder: join(folder, config), options: { ...rest, split } }
    : split !== undefined
    ? {
      folder: join(
        folder,
        splitWords(split).find((word) => folders.includes(word)) ?? split,
      ),
      options: rest,
    }
    : undefined;
  if (inner) return await openFolder(inner.folder, inner.options);
  const splits = folders.filter(isSplitWord);
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

async function openFiles(
  kind: DataKind,
  name: string,
  paths: readonly string[],
  folder: string,
  options: OpenDatasetOptions,
): Promise<ImageClassificationDataset> {
  if (kind === "parquet") return await openParquet(name, paths, options);
  const ownClassNames = await readClassNames(folder);
  return kind === "tar"
    ? await openWebDataset(name, paths, { ...options, ownClassNames })
    : await openTable(name, paths, { ...options, ownClassNames });
}

const LARGEST_TEXT = 2 ** 20;

/** `classnames.txt`, as WebDataset repositories have it: a class a line. */
async function readClassNames(folder: string): Promise<string[] | undefined> {
  const text = await readSmallText(join(folder, "classnames.txt"));
  return text?.split("\n").map((line) => line.trim())
    .filter((line) => line !== "");
}

async function readCard(
  folder: string,
  files: readonly string[],
): Promise<ReturnType<typeof cardConfigurations>> {
  if (!files.includes("README.md")) return [];
  return cardConfigurations(
    await readSmallText(join(folder, "README.md")) ?? "",
  );
}

async function readSmallText(path: string): Promise<string | undefined> {
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > LARGEST_TEXT) return undefined;
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new DatasetError(
      `${path}: ${(error as Error).message.split("\n")[0]}, expected ${
        basename(path)
      }`,
      { cause: error },
    );
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function foundIn(files: readonly string[]): string {
  if (files.length === 0) return "an empty folder";
  return `found ${listed(files, 3)}`;
}

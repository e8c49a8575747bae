import { dirname } from "@std/path";
import { DatasetError } from "../../fusion_error.ts";
import {
  checkIndex,
  type ImageClassificationDataset,
  type ImageExample,
} from "../dataset.ts";
import { decodeImage } from "../image.ts";
import { LabelledDataset } from "../labelled_dataset.ts";
import { classNamesOf, Labels, type StoredLabel } from "../labels.ts";
import { type PositionedFile, withFile } from "../positioned_file.ts";
import { oneLine } from "../reason.ts";
import { safeJoin } from "../safe_join.ts";
import {
  chooseColumns,
  type ColumnOptions,
  type ImageColumns,
} from "./choose_columns.ts";
import { ColumnReader } from "./column_reader.ts";
import type { ColumnType } from "./page.ts";
import { readParquetFooter, type RowGroup } from "./parquet_file.ts";

/** How to open parquet files. */
export interface ParquetOptions extends ColumnOptions {
  /** Class names in order of their labels. @default those of the features */
  classNames?: readonly string[] | undefined;
}

/** Rows of one file that are stored together. */
interface Part {
  readonly path: string;
  readonly group: RowGroup;
  readonly columns: ImageColumns;
  /** Index of its first row in the data set. */
  readonly begin: number;
  /** Row of the file that it begins with. */
  readonly firstRow: number;
}

/** Readers of a part's columns; they keep the page that they are on. */
interface PartReaders {
  readonly image: ColumnReader;
  readonly path: ColumnReader | undefined;
  readonly label: ColumnReader;
}

/** A batch may lie across two parts, the next one begin before it is done. */
const PARTS_KEPT = 3;

/**
 * Opens parquet files, as data set repositories of the Hugging Face hub have
 * them: a column of images (structs of bytes and path, bytes, or paths) and
 * one of labels (numbers, with names in the features, or names). Only footers
 * are read; later, the pages that are asked for.
 *
 * @param name What error messages call the data set.
 * @param paths The files, in order.
 * @throws {DatasetError} If a file is damaged or lacks a column.
 */
export async function openParquet(
  name: string,
  paths: readonly string[],
  options: ParquetOptions = {},
): Promise<ImageClassificationDataset> {
  const parts: Part[] = [];
  let own: readonly string[] | undefined;
  let length = 0;
  for (const path of paths) {
    const footer = await withFile(path, readParquetFooter);
    const columns = chooseColumns(footer, path, options);
    own ??= columns.classNames;
    if (columns.classNames && `${columns.classNames}` !== `${own}`) {
      throw new DatasetError(
        `${path}: has other classes than ${paths[0]}, expected the same`,
      );
    }
    let firstRow = 0;
    for (const group of footer.rowGroups) {
      if (group.rows > 0) {
        parts.push({ path, group, columns, begin: length, firstRow });
      }
      length += group.rows;
      firstRow += group.rows;
    }
  }
  const dataset = new ParquetDataset(name, length, parts);
  const isText = !own && parts[0]?.columns.label.type === "BYTE_ARRAY";
  if (isText) {
    own = await dataset.storedClassNames();
  }
  dataset.labels = new Labels(name, own, options.classNames, isText);
  return dataset;
}

class ParquetDataset extends LabelledDataset {
  readonly #readers = new Map<Part, PartReaders>();

  constructor(
    name: string,
    readonly length: number,
    readonly parts: readonly Part[],
  ) {
    super(name, new Labels("", undefined, undefined));
  }

  async read(index: number): Promise<ImageExample> {
    checkIndex(this, index);
    const part = this.#partOf(index);
    const { image, path, label } = this.#readersOf(part);
    const row = index - part.begin;
    const where = `${part.path}: row ${part.firstRow + row}`;
    const { bytes, file, stored } = await withFile(
      part.path,
      async (parquet) => {
        const bytes = await image.value(parquet, row);
        return {
          bytes: part.columns.isPath ? undefined : bytes as Uint8Array,
          file: part.columns.isPath
            ? bytes
            : bytes === undefined
            ? await path?.value(parquet, row)
            : undefined,
          stored: storedLabel(await label.value(parquet, row)),
        };
      },
    );
    const index_ = this.labels.index(stored, where);
    if (bytes) return { image: await decodeImage(bytes, where), label: index_ };
    if (!(file instanceof Uint8Array)) {
      throw new DatasetError(
        `${where}: neither bytes nor a path of an image, expected one of them`,
      );
    }
    const source = safeJoin(
      dirname(part.path),
      new TextDecoder().decode(file),
      where,
    );
    return { image: await decodeImage(source), label: index_ };
  }

  /** Reads the labels, which are text, for the names there are. */
  async storedClassNames(): Promise<string[] | undefined> {
    let names: string[] | undefined;
    for (const part of this.parts) {
      const reader = readerOf(part, part.columns.label);
      await withFile(part.path, async (file: PositionedFile) => {
        const found = new Set<StoredLabel | undefined>(names);
        for (let row = 0; row < part.group.rows; row++) {
          found.add(storedLabel(await reader.value(file, row)));
        }
        names = classNamesOf(found, this.name);
      });
    }
    return names;
  }

  #partOf(index: number): Part {
    let low = 0;
    for (let high = this.parts.length - 1; low < high;) {
      const middle = Math.ceil((low + high) / 2);
      if (this.parts[middle]!.begin <= index) low = middle;
      else high = middle - 1;
    }
    return this.parts[low]!;
  }

  #readersOf(part: Part): PartReaders {
    const { image, path, label } = part.columns;
    const readers = this.#readers.get(part) ?? {
      image: readerOf(part, image),
      path: path && readerOf(part, path),
      label: readerOf(part, label),
    };
    // The one used last is the last to go.
    this.#readers.delete(part);
    this.#readers.set(part, readers);
    if (this.#readers.size > PARTS_KEPT) {
      this.#readers.delete(this.#readers.keys().next().value!);
    }
    return readers;
  }
}

function readerOf({ path, group }: Part, column: ColumnType): ColumnReader {
  const chunk = group.chunks.get(column.path.join("."));
  if (chunk) return new ColumnReader(column, chunk, group.rows);
  throw new DatasetError(
    `${path}: a row group without column ${
      oneLine(column.path.join("."))
    }, expected all columns in each`,
  );
}

function storedLabel(
  value: number | Uint8Array | undefined,
): StoredLabel | undefined {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

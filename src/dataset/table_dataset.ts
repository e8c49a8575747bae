import { dirname } from "@std/path";
import { DatasetError } from "../fusion_error.ts";
import {
  checkIndex,
  type ImageClassificationDataset,
  type ImageExample,
} from "./dataset.ts";
import { decodeImage } from "./image.ts";
import { LabelledDataset } from "./labelled_dataset.ts";
import {
  type ClassNameOptions,
  IMAGE_COLUMNS,
  LABEL_COLUMNS,
  Labels,
  type StoredLabel,
} from "./labels.ts";
import type { ColumnOptions } from "./parquet/choose_columns.ts";
import { withFile } from "./positioned_file.ts";
import { oneLine } from "./reason.ts";
import { safeJoin } from "./safe_join.ts";
import { parseCsv, parseJsonLines, type TableRow } from "./table.ts";

/** How to open tables of images. */
export interface TableOptions extends ColumnOptions, ClassNameOptions {}

/** One row. */
interface Entry {
  readonly path: string;
  readonly label: StoredLabel;
  readonly where: string;
}

const LARGEST_TABLE = 2 ** 28;

/**
 * Opens CSV, TSV or JSON lines files with the path of an image (relative to the
 * file's folder) and its label on each row, as `metadata.csv` of `imagefolder`
 * has them: columns `file_name` or `image`, and `label` or the like.
 *
 * @param name What error messages call the data set.
 * @param paths The tables, in order.
 * @throws {DatasetError} If a table is damaged, lacks a column, or a path leads
 * out of its folder.
 */
export async function openTable(
  name: string,
  paths: readonly string[],
  options: TableOptions = {},
): Promise<ImageClassificationDataset> {
  const entries: Entry[] = [];
  for (const path of paths) {
    const text = await withFile(path, async (file) => {
      if (file.size <= LARGEST_TABLE) {
        return new TextDecoder().decode(await file.read(0, file.size));
      }
      throw new DatasetError(
        `${path}: ${file.size} bytes, expected a table of ${LARGEST_TABLE} at most`,
      );
    });
    readTable(text, path, options, entries);
  }
  if (entries.length === 0) {
    throw new DatasetError(`${name}: no rows, expected at least one image`);
  }
  // All of a CSV is text: where all labels are numbers, that is what they are.
  const numbers = entries.every(({ label }) => /^\d{1,9}$/.test(`${label}`));
  const stored = numbers
    ? entries.map((entry) => ({ ...entry, label: Number(entry.label) }))
    : entries.map((entry) => ({ ...entry, label: `${entry.label}` }));
  const labels = Labels.of(name, stored.map(({ label }) => label), options);
  return new TableDataset(name, labels, stored);
}

function readTable(
  text: string,
  source: string,
  options: TableOptions,
  entries: Entry[],
): void {
  const folder = dirname(source);
  const rows = /\.(jsonl|ndjson)$/i.test(source)
    ? parseJsonLines(text, source)
    : parseCsv(text, source, /\.tsv$/i.test(source) ? "\t" : ",");
  let columns: { image: string; label: string } | undefined;
  for (const row of rows) {
    const where = `${source}: line ${row.line}`;
    columns ??= {
      image: choose(row, where, "images", options.imageColumn, IMAGE_COLUMNS),
      label: choose(row, where, "labels", options.labelColumn, LABEL_COLUMNS),
    };
    const path = row.values.get(columns.image);
    const label = row.values.get(columns.label);
    if (typeof path !== "string") {
      throw new DatasetError(
        `${where}: ${columns.image} is ${typeof path}, expected a path`,
      );
    }
    if (typeof label !== "string" && typeof label !== "number") {
      throw new DatasetError(
        `${where}: ${columns.label} is ${typeof label}, expected a class`,
      );
    }
    entries.push({ path: safeJoin(folder, path, where), label, where });
  }
}

function choose(
  { values }: TableRow,
  where: string,
  what: string,
  given: string | undefined,
  names: readonly string[],
): string {
  const chosen = given ?? names.find((name) => values.has(name));
  if (chosen !== undefined && values.has(chosen)) return chosen;
  throw new DatasetError(
    `${where}: no column ${given ?? `of ${what}`}, found ${
      oneLine([...values.keys()].slice(0, 20).join(", "))
    }, expected one such as ${names[0]}`,
  );
}

class TableDataset extends LabelledDataset {
  constructor(
    name: string,
    labels: Labels,
    readonly entries: readonly Entry[],
  ) {
    super(name, labels);
  }

  get length(): number {
    return this.entries.length;
  }

  async read(index: number): Promise<ImageExample> {
    checkIndex(this, index);
    const { path, label, where } = this.entries[index]!;
    return {
      image: await decodeImage(path),
      label: this.labels.index(label, where),
    };
  }
}

import { type FileMetaData, parquetMetadata } from "hyparquet";
import { DatasetError } from "../../fusion_error.ts";
import type { PositionedFile } from "../positioned_file.ts";
import { reason } from "../reason.ts";
import type { ColumnType } from "./page.ts";
import { readThrift } from "./thrift.ts";

/** Where a column's values of one row group are in the file. */
export interface ColumnChunk {
  /** First byte of its first page. */
  readonly begin: number;
  /** The byte after its last page. */
  readonly end: number;
  /** How pages are compressed, as parquet calls it. */
  readonly codec: string;
}

/** Rows that are stored together. */
export interface RowGroup {
  /** Number of rows. */
  readonly rows: number;
  /** Chunks by the column's path, joined with `.`. */
  readonly chunks: ReadonlyMap<string, ColumnChunk>;
}

/** What a parquet file's footer says. */
export interface ParquetFooter {
  /** Columns that hold values, by their paths joined with `.`. */
  readonly columns: ReadonlyMap<string, ColumnType>;
  /** Row groups in order. */
  readonly rowGroups: readonly RowGroup[];
  /** Number of rows. */
  readonly rows: number;
  /** Texts that the writer added, such as `huggingface`. */
  readonly metadata: ReadonlyMap<string, string>;
}

const LARGEST_FOOTER = 2 ** 28;
const DEEPEST = 16;

/**
 * Reads a parquet file's footer.
 *
 * @throws {DatasetError} If the file is none, or its footer says what cannot be.
 */
export async function readParquetFooter(
  file: PositionedFile,
): Promise<ParquetFooter> {
  const { path, size } = file;
  const end = size < 12 ? undefined : await file.read(size - 8, size);
  if (!end || String.fromCharCode(...end.subarray(4)) !== "PAR1") {
    throw new DatasetError(
      `${path}: ${size} bytes that do not end in PAR1, expected a whole parquet file`,
    );
  }
  const length = new DataView(end.buffer).getUint32(0, true);
  if (length > size - 12 || length > LARGEST_FOOTER) {
    throw new DatasetError(
      `${path}: footer of ${length} bytes, expected fewer than the file's ${size} and ${LARGEST_FOOTER}`,
    );
  }
  const bytes = await file.read(size - 8 - length, size);
  try {
    // hyparquet believes what lengths say; this does not.
    readThrift(bytes.subarray(0, length), 0);
    const metadata = parquetMetadata(bytes, { geoparquet: false });
    return footerOf(metadata, size - 8 - length);
  } catch (error) {
    throw new DatasetError(
      `${path}: footer at byte ${size - 8 - length} is damaged (${
        reason(error)
      }), expected that of a parquet file`,
      { cause: error },
    );
  }
}

function footerOf(metadata: FileMetaData, dataEnd: number): ParquetFooter {
  const rowGroups = metadata.row_groups.map((group) => ({
    rows: count(group.num_rows, "rows"),
    chunks: new Map(
      group.columns.map(({ meta_data: chunk, file_path }) => {
        if (!chunk || file_path) throw new Error("column in another file");
        const begin = count(
          chunk.dictionary_page_offset || chunk.data_page_offset,
          "offset",
        );
        const end = begin + count(chunk.total_compressed_size, "size");
        if (end > dataEnd) throw new Error(`column up to byte ${end}`);
        return [chunk.path_in_schema.join("."), {
          begin,
          end,
          codec: `${chunk.codec}`,
        }];
      }),
    ),
  }));
  return {
    columns: columnsOf(metadata.schema),
    rowGroups,
    rows: rowGroups.reduce((sum, { rows }) => sum + rows, 0),
    metadata: new Map(
      (metadata.key_value_metadata ?? []).map(({ key, value }) => [
        key,
        value ?? "",
      ]),
    ),
  };
}

function count(value: unknown, name: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0 && number <= 2 ** 50) {
    return number;
  }
  throw new Error(`${value} ${name}`);
}

/** Leaves of the schema; those within lists are left out. */
function columnsOf(schema: FileMetaData["schema"]): Map<string, ColumnType> {
  const columns = new Map<string, ColumnType>();
  let next = 0;
  const walk = (path: string[], optional: number, inList: boolean): void => {
    const element = schema[next++];
    if (!element || path.length > DEEPEST) throw new Error("schema cut off");
    const { name, type, num_children: children = 0, repetition_type } = element;
    const isRoot = next === 1;
    const here = isRoot ? path : [...path, name];
    const levels = optional +
      (isRoot || repetition_type === "REQUIRED" ? 0 : 1);
    const list = inList || repetition_type === "REPEATED";
    if (children > schema.length || children < 0) {
      throw new Error(`schema with ${children} children`);
    }
    for (let i = 0; i < children; i++) walk(here, levels, list);
    if (children > 0 || isRoot || list) return;
    columns.set(here.join("."), {
      path: here,
      type: `${type}`,
      optional: levels,
    });
  };
  walk([], 0, false);
  return columns;
}

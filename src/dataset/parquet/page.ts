import { decompress } from "./decompress.ts";
import {
  type PageValues,
  readDeltaLengthBytes,
  readDeltas,
  readHybrid,
  readPlainBytes,
  readPlainIntegers,
} from "./encodings.ts";
import { readThrift, type ThriftStruct, type ThriftValue } from "./thrift.ts";

/** A column of a parquet file's schema that holds integers or bytes. */
export interface ColumnType {
  /** Its path in the schema, such as `["image", "bytes"]`. */
  readonly path: readonly string[];
  /** `INT32`, `INT64`, `BYTE_ARRAY` or what this module cannot read. */
  readonly type: string;
  /** How many of the path's parts may be null. */
  readonly optional: number;
}

/** What stands before a page. */
export interface PageHeader {
  /** What it holds: values, the dictionary, or what is of no use here. */
  readonly kind: "data" | "data_v2" | "dictionary" | "other";
  /** Bytes of the page in the file, after its header. */
  readonly compressedSize: number;
  /** Bytes once decompressed. */
  readonly size: number;
  /** Number of values, nulls too. */
  readonly values: number;
  /** Number of parquet's encoding. */
  readonly encoding: number;
  /** Bytes of definition levels, of version 2. */
  readonly levelBytes: number;
  /** Whether the values are compressed. */
  readonly compressed: boolean;
}

/** A page's values, `undefined` where they are null. */
export type ColumnValues = readonly (number | Uint8Array | undefined)[];

/** More rows than any writer puts into one page. */
const MOST_VALUES = 2 ** 24;

const KINDS = ["data", "other", "dictionary", "data_v2"] as const;
const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const DELTA_BINARY_PACKED = 5;
const DELTA_LENGTH_BYTE_ARRAY = 6;
const RLE_DICTIONARY = 8;

/**
 * Reads a page's header.
 *
 * @throws {RangeError} If the bytes end within it.
 * @throws {Error} If they are none, or say what cannot be.
 */
export function readPageHeader(
  bytes: Uint8Array,
  begin: number,
): { header: PageHeader; end: number } {
  const { value: fields, end } = readThrift(bytes, begin);
  const kind = KINDS[numberOf(fields, 1)] ?? "other";
  const detail = struct(
    fields.get({ data: 5, dictionary: 7, data_v2: 8, other: 6 }[kind]),
  );
  const header: PageHeader = {
    kind,
    size: numberOf(fields, 2),
    compressedSize: numberOf(fields, 3),
    values: kind === "other" ? 0 : numberOf(detail, 1),
    encoding: kind === "other"
      ? -1
      : numberOf(detail, kind === "data_v2" ? 4 : 2),
    levelBytes: kind === "data_v2" ? numberOf(detail, 5) : 0,
    compressed: kind !== "data_v2" || detail.get(7) !== false,
  };
  if (header.values > MOST_VALUES) {
    throw new Error(`a page of ${header.values} values`);
  }
  if (kind === "data_v2" && numberOf(detail, 6) !== 0) {
    throw new Error("a page of lists");
  }
  return { header, end };
}

function struct(value: ThriftValue | undefined): ThriftStruct {
  return value instanceof Map ? value : new Map();
}

function numberOf(fields: ThriftStruct, id: number): number {
  const value = fields.get(id);
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) {
    return value;
  }
  throw new Error(`a page header whose field ${id} is ${value}`);
}

/**
 * Decodes a page.
 *
 * @param bytes What follows the header, as it is in the file.
 * @param dictionary The values of the column's dictionary page.
 * @throws {Error} If the bytes are not what the header says.
 */
export function decodePage(
  bytes: Uint8Array,
  header: PageHeader,
  column: ColumnType,
  codec: string,
  dictionary: PageValues | undefined,
): ColumnValues {
  const { values: count, levelBytes } = header;
  if (levelBytes > bytes.length) throw new Error("levels cut off");
  const codecOfPage = header.compressed ? codec : "UNCOMPRESSED";
  let page = decompress(
    bytes.subarray(levelBytes),
    header.size - levelBytes,
    codecOfPage,
  );
  let levelsAt = bytes.subarray(0, levelBytes);
  if (header.kind === "data" && column.optional > 0) {
    if (page.length < 4) throw new Error("levels cut off");
    const length = new DataView(page.buffer, page.byteOffset).getUint32(
      0,
      true,
    );
    if (length > page.length - 4) throw new Error("levels cut off");
    levelsAt = page.subarray(4, 4 + length);
    page = page.subarray(4 + length);
  }
  if (column.optional === 0) {
    const all = decodeValues(page, header, column, dictionary, count);
    return Array.from({ length: count }, (_, i) => all[i]);
  }
  const width = 32 - Math.clz32(column.optional);
  const levels = readHybrid(levelsAt, width, count);
  let present = 0;
  for (const level of levels) if (level === column.optional) present++;
  const values = decodeValues(page, header, column, dictionary, present);
  let next = 0;
  return Array.from(
    levels,
    (level) => level === column.optional ? values[next++] : undefined,
  );
}

/** Decodes the dictionary page of a column. */
export function decodeDictionary(
  bytes: Uint8Array,
  header: PageHeader,
  column: ColumnType,
  codec: string,
): PageValues {
  const page = decompress(bytes, header.size, codec);
  return plain(page, column, header.values);
}

function decodeValues(
  page: Uint8Array,
  header: PageHeader,
  column: ColumnType,
  dictionary: PageValues | undefined,
  count: number,
): PageValues {
  switch (header.encoding) {
    case PLAIN:
      return plain(page, column, count);
    case PLAIN_DICTIONARY:
    case RLE_DICTIONARY: {
      if (!dictionary) throw new Error("no dictionary before its first use");
      if (count === 0) return [];
      if (page.length === 0) throw new Error("values cut off");
      const indices = readHybrid(page.subarray(1), page[0]!, count);
      return Array.from(indices, (index) => {
        const value = dictionary[index];
        if (value !== undefined) return value;
        throw new Error(
          `entry ${index} of a dictionary of ${dictionary.length}`,
        );
      }) as PageValues;
    }
    case DELTA_BINARY_PACKED:
      if (column.type.startsWith("INT")) {
        return readDeltas(page, count).values;
      }
      break;
    case DELTA_LENGTH_BYTE_ARRAY:
      if (column.type === "BYTE_ARRAY") {
        return readDeltaLengthBytes(page, count);
      }
  }
  throw new Error(
    `encoding ${header.encoding} of ${column.type}, which this module cannot read`,
  );
}

function plain(
  page: Uint8Array,
  { type }: ColumnType,
  count: number,
): PageValues {
  if (type === "BYTE_ARRAY") return readPlainBytes(page, count);
  if (type === "INT32") return readPlainIntegers(page, 4, count);
  if (type === "INT64") return readPlainIntegers(page, 8, count);
  throw new Error(`values of type ${type}, which this module cannot read`);
}

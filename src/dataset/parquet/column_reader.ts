import { DatasetError } from "../../fusion_error.ts";
import type { PositionedFile } from "../positioned_file.ts";
import { oneLine, reason } from "../reason.ts";
import type { PageValues } from "./encodings.ts";
import {
  type ColumnType,
  type ColumnValues,
  decodeDictionary,
  decodePage,
  type PageHeader,
  readPageHeader,
} from "./page.ts";
import type { ColumnChunk } from "./parquet_file.ts";

/** A page's place. */
interface Page {
  readonly header: PageHeader;
  /** First byte after its header. */
  readonly begin: number;
  /** Row of its first value, in the row group. */
  readonly firstRow: number;
}

// Headers are tens of bytes, unless they have statistics.
const HEADER_BYTES = 4096;
const MOST_HEADERS = 256;
const LARGEST_HEADER = 2 ** 22;

/** Bytes that were read for headers. */
interface Window {
  begin: number;
  bytes: Uint8Array;
}

/** Reads a column's values of one row group, one page at a time. */
export class ColumnReader {
  #pages: Promise<Page[]> | undefined;
  #dictionary: Promise<PageValues> | undefined;
  #last: { page: Page; values: Promise<ColumnValues> } | undefined;

  /**
   * A reader of a chunk.
   *
   * @param rows Number of rows of the row group.
   */
  constructor(
    readonly column: ColumnType,
    readonly chunk: ColumnChunk,
    readonly rows: number,
  ) {}

  /**
   * The value of a row of the row group; undefined if it is null. The page
   * that it is on is kept until a value of another is asked for.
   *
   * @throws {DatasetError} If the column is damaged.
   */
  async value(
    file: PositionedFile,
    row: number,
  ): Promise<number | Uint8Array | undefined> {
    const pages = await (this.#pages ??= this.#listPages(file));
    let low = 0;
    for (let high = pages.length - 1; low < high;) {
      const middle = Math.ceil((low + high) / 2);
      if (pages[middle]!.firstRow <= row) low = middle;
      else high = middle - 1;
    }
    const page = pages[low]!;
    if (this.#last?.page !== page) {
      const values = this.#decode(file, pages, page);
      // Awaited below by whoever asks for it.
      values.catch(() => {});
      this.#last = { page, values };
    }
    return (await this.#last.values)[row - page.firstRow];
  }

  async #listPages(file: PositionedFile): Promise<Page[]> {
    const { begin, end } = this.chunk;
    const pages: Page[] = [];
    const window: Window = { begin, bytes: new Uint8Array(0) };
    let rows = 0;
    for (let offset = begin; offset < end && rows < this.rows;) {
      const { header, headerEnd } = await this.#header(
        file,
        offset,
        window,
      );
      if (headerEnd + header.compressedSize > end) {
        this.#fail(file, offset, "page goes beyond its column");
      }
      const useful = header.kind === "dictionary"
        ? pages.length === 0
        : header.values > 0;
      if (useful) pages.push({ header, begin: headerEnd, firstRow: rows });
      if (header.kind !== "dictionary") rows += header.values;
      offset = headerEnd + header.compressedSize;
    }
    if (rows !== this.rows) {
      this.#fail(file, begin, `${rows} values for ${this.rows} rows`);
    }
    return pages;
  }

  async #header(
    file: PositionedFile,
    offset: number,
    window: Window,
  ): Promise<{ header: PageHeader; headerEnd: number }> {
    const { end } = this.chunk;
    for (let length = HEADER_BYTES;; length *= 16) {
      const here = offset - window.begin;
      if (length > HEADER_BYTES || here + MOST_HEADERS > window.bytes.length) {
        window.begin = offset;
        window.bytes = await file.read(offset, Math.min(offset + length, end));
      }
      try {
        const read = readPageHeader(window.bytes, offset - window.begin);
        return { header: read.header, headerEnd: window.begin + read.end };
      } catch (error) {
        const windowEnd = window.begin + window.bytes.length;
        const cutOff = error instanceof RangeError && windowEnd < end &&
          length < LARGEST_HEADER;
        if (!cutOff) this.#fail(file, offset, reason(error), error);
      }
    }
  }

  async #decode(
    file: PositionedFile,
    pages: readonly Page[],
    page: Page,
  ): Promise<ColumnValues> {
    const first = pages[0]!;
    if (first.header.kind === "dictionary") {
      this.#dictionary ??= this.#bytes(file, first).then((bytes) =>
        this.#try(
          file,
          first,
          () =>
            decodeDictionary(
              bytes,
              first.header,
              this.column,
              this.chunk.codec,
            ),
        )
      );
    }
    const dictionary = await this.#dictionary;
    const bytes = await this.#bytes(file, page);
    const { codec } = this.chunk;
    return this.#try(
      file,
      page,
      () => decodePage(bytes, page.header, this.column, codec, dictionary),
    );
  }

  #bytes(file: PositionedFile, page: Page): Promise<Uint8Array> {
    return file.read(page.begin, page.begin + page.header.compressedSize);
  }

  #try<Result>(file: PositionedFile, page: Page, work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      return this.#fail(file, page.begin, reason(error), error);
    }
  }

  #fail(
    { path }: PositionedFile,
    offset: number,
    found: string,
    cause?: unknown,
  ): never {
    throw new DatasetError(
      `${path}: column ${
        oneLine(this.column.path.join("."))
      }, page at byte ${offset}: found ${found}, expected a whole page of parquet`,
      { cause },
    );
  }
}

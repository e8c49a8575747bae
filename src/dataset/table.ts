import { DatasetError } from "../fusion_error.ts";
import { reason } from "./reason.ts";

/** A row by its columns' names, and the line that it begins on. */
export interface TableRow {
  /** Values by column. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Line of the file, from 1. */
  readonly line: number;
}

/**
 * Parses CSV (or TSV) with a header: fields in quotes may have the separator,
 * line ends and doubled quotes.
 *
 * @param separator Between fields. @default {","}
 * @throws {DatasetError} If a quote is not closed, or a row has another number
 * of fields than the header.
 * @see https://www.rfc-editor.org/rfc/rfc4180
 */
export function* parseCsv(
  text: string,
  source: string,
  separator = ",",
): Generator<TableRow> {
  let header: string[] | undefined;
  for (const { fields, line } of csvRecords(text, source, separator)) {
    if (fields.length === 1 && fields[0] === "") continue;
    if (!header) {
      header = fields.map((field) => field.trim());
      continue;
    }
    if (fields.length !== header.length) {
      throw new DatasetError(
        `${source}: line ${line} has ${fields.length} fields, expected ${header.length} as the header has`,
      );
    }
    yield { values: new Map(header.map((name, i) => [name, fields[i]])), line };
  }
}

function* csvRecords(
  text: string,
  source: string,
  separator: string,
): Generator<{ fields: string[]; line: number }> {
  let offset = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  for (let line = 1; offset < text.length;) {
    const first = line;
    const fields: string[] = [];
    for (let more = true; more;) {
      let field: string;
      if (text[offset] === '"') {
        let value = "";
        for (let begin = offset + 1;;) {
          const quote = text.indexOf('"', begin);
          if (quote < 0) {
            throw new DatasetError(
              `${source}: line ${line}: a quote is not closed, expected another`,
            );
          }
          value += text.slice(begin, quote);
          offset = quote + 1;
          if (text[offset] !== '"') break;
          value += '"';
          begin = offset + 1;
        }
        line += value.split("\n").length - 1;
        field = value;
        const rest = until(text, offset, separator);
        field += text.slice(offset, rest);
        offset = rest;
      } else {
        const end = until(text, offset, separator);
        field = text.slice(offset, end);
        offset = end;
      }
      more = text[offset] === separator;
      fields.push(field);
      if (more) offset++;
    }
    if (text[offset] === "\r") offset++;
    if (text[offset] === "\n") offset++;
    line++;
    yield { fields, line: first };
  }
}

function until(text: string, offset: number, separator: string): number {
  while (offset < text.length) {
    const character = text[offset];
    if (
      character === separator || character === "\n" || character === "\r"
    ) break;
    offset++;
  }
  return offset;
}

/**
 * Parses JSON lines: an object on each.
 * @throws {DatasetError} If a line is none.
 */
export function* parseJsonLines(
  text: string,
  source: string,
): Generator<TableRow> {
  let line = 0;
  for (let begin = 0; begin < text.length;) {
    const next = text.indexOf("\n", begin);
    const end = next < 0 ? text.length : next;
    const content = text.slice(begin, end).trim();
    begin = end + 1;
    line++;
    if (content === "") continue;
    let row: unknown;
    try {
      row = JSON.parse(content);
    } catch (error) {
      throw new DatasetError(
        `${source}: line ${line} is no JSON (${
          reason(error)
        }), expected an object`,
        { cause: error },
      );
    }
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      throw new DatasetError(
        `${source}: line ${line} is ${
          Array.isArray(row) ? "a list" : row === null ? "null" : typeof row
        }, expected an object`,
      );
    }
    yield { values: new Map(Object.entries(row)), line };
  }
}

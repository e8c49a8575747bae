import { type AppendedFile, appendedFile } from "./appended_file.ts";

/** What a row of the log may tell; empty where it does not. */
export const CSV_COLUMNS = [
  "step",
  "epoch",
  "lr",
  "train_loss",
  "grad_norm",
  "val_loss",
  "val_accuracy",
] as const;

/** A row of the log. */
export type CsvRow = Partial<Record<typeof CSV_COLUMNS[number], number>>;

/** Writes a training's figures as CSV, a row at a time. */
export class CsvLog {
  readonly #file: AppendedFile;

  /**
   * Opens a log to append to, or begins it.
   *
   * @param path The file.
   * @param length Bytes to keep of what is there. @default {0}
   */
  constructor(path: string, length: number = 0) {
    this.#file = appendedFile(path, length, line(CSV_COLUMNS));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#file.length;
  }

  /** Appends a row. */
  add(row: CsvRow): void {
    this.#file.append(line(CSV_COLUMNS.map((column) => row[column] ?? "")));
  }

  /** Waits until all has reached the device. */
  sync(): void {
    this.#file.sync();
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

function line(cells: readonly (string | number)[]): Uint8Array {
  return new TextEncoder().encode(cells.join(",") + "\n");
}

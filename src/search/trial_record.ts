import { ConfigError } from "../fusion_error.ts";
import { reasonOf } from "../reason.ts";

/** One point that was tried. */
export interface Trial {
  /** Its number, from 0. */
  readonly trial: number;
  /** The numbers that were tried. */
  readonly point: readonly number[];
  /** Accuracy on each task's validation images, 0 to 1. */
  readonly accuracy: Readonly<Record<string, number>>;
  /** Means over the tasks. */
  readonly average: { readonly accuracy: number; readonly loss: number };
}

/**
 * A file of all trials, a line of JSON each, below a line that tells which
 * search they are of. A line is on the disk before the next trial begins.
 */
export class TrialRecord {
  /** The trials that are in it. */
  readonly trials: readonly Trial[];
  readonly #file: Deno.FsFile | undefined;
  readonly #path: string;
  #isEmpty: boolean;

  private constructor(
    path: string,
    trials: readonly Trial[],
    file: Deno.FsFile | undefined,
    isEmpty = false,
  ) {
    this.#path = path;
    this.trials = trials;
    this.#file = file;
    this.#isEmpty = isEmpty;
  }

  /** A record that is kept nowhere. */
  static nowhere(): TrialRecord {
    return new TrialRecord("", [], undefined);
  }

  /**
   * Opens a record to go on with, or begins one.
   *
   * @param search What tells this search from others.
   * @param resume Takes over the trials that are in it.
   * @throws {ConfigError} If it is the record of another search, or no record.
   */
  static open(path: string, search: unknown, resume: boolean): TrialRecord {
    const header = JSON.stringify({ search });
    let text = "";
    try {
      if (resume) text = Deno.readTextFileSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw failed(path, error);
    }
    // A killed run may have left half a line at the end.
    const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n")
      .slice(0, -1);
    if (lines.length > 0 && lines[0] !== header) {
      throw new ConfigError(
        `record=${path}: it is not of this search, expected the same method, ranges, models, images and strategy, or record=OTHER or resume=false`,
      );
    }
    const trials = lines.slice(1).map((line, i) => parseTrial(path, line, i));
    let record: TrialRecord | undefined;
    try {
      const file = Deno.openSync(path, { create: true, write: true });
      const kept = [header, ...lines.slice(1)].join("\n") + "\n";
      if (lines.length === 0) file.truncateSync(0);
      else file.truncateSync(new TextEncoder().encode(kept).length);
      file.seekSync(0, Deno.SeekMode.End);
      record = new TrialRecord(path, trials, file, trials.length === 0);
      if (lines.length === 0) record.#writeLine(header);
      return record;
    } catch (error) {
      record?.close();
      if (error instanceof Deno.errors.NotCapable) throw error;
      if (error instanceof ConfigError) throw error; // of #writeLine
      throw failed(path, error);
    }
  }

  /** Adds a trial. */
  append(trial: Trial): void {
    this.#writeLine(JSON.stringify(trial));
    this.#isEmpty = false;
  }

  #writeLine(line: string): void {
    if (!this.#file) return;
    const bytes = new TextEncoder().encode(line + "\n");
    try {
      for (let from = 0; from < bytes.length;) {
        from += this.#file.writeSync(bytes.subarray(from));
      }
      this.#file.syncDataSync();
    } catch (error) {
      throw failed(this.#path, error);
    }
  }

  /** Closes the file; one without a trial, as on a full disk, is removed. */
  close(): void {
    this.#file?.close();
    if (!this.#isEmpty) return;
    try {
      Deno.removeSync(this.#path);
    } catch {
      // What kept a trial from being written is told, and is all there is to.
    }
  }
}

function parseTrial(path: string, line: string, trial: number): Trial {
  try {
    const found = JSON.parse(line) as Trial;
    if (found.trial === trial && Array.isArray(found.point)) return found;
  } catch {
    // told below
  }
  throw new ConfigError(
    `record=${path}: line ${
      trial + 2
    } is not trial ${trial}, expected a record that a search wrote`,
  );
}

function failed(path: string, error: unknown): ConfigError {
  return new ConfigError(
    `record=${path}: ${reasonOf(error)}, expected a file to write trials to`,
    { cause: error },
  );
}

import { join } from "@std/path";
import { CsvLog } from "./csv_log.ts";
import { EventFile } from "./event_file.ts";
import type { StepReport } from "./fine_tune_options.ts";
import { removeEventFiles, type TrainingProgress } from "./training_state.ts";

/** A training's CSV log and TensorBoard events. */
export class TrainingLog {
  readonly #csv: CsvLog;
  readonly #events: EventFile;
  readonly #eventsName: string;

  /**
   * Opens both files in a folder.
   *
   * @param progress Where the run that goes on was: what it wrote later is
   * cut off.
   */
  constructor(folder: string, progress: TrainingProgress | undefined) {
    const csv = join(folder, "metrics.csv");
    this.#csv = new CsvLog(csv, progress?.csvLength);
    // TensorBoard wants the time of its beginning in an event file's name.
    this.#eventsName = progress?.events.name ??
      `events.out.tfevents.${Math.floor(Date.now() / 1000)}.fusion`;
    removeEventFiles(folder, this.#eventsName);
    try {
      this.#events = new EventFile(
        join(folder, this.#eventsName),
        progress?.events.length,
      );
    } catch (error) {
      this.#csv.close();
      // One without a row tells nothing.
      if (!progress) Deno.removeSync(csv);
      throw error;
    }
  }

  /** Writes what a step came to. */
  add(report: StepReport): void {
    const { step, epoch, learningRate, loss, gradientNorm, validation } =
      report;
    this.#csv.add({
      step,
      epoch,
      lr: learningRate,
      train_loss: loss,
      grad_norm: gradientNorm,
      ...(validation
        ? { val_loss: validation.loss, val_accuracy: validation.accuracy }
        : {}),
    });
    this.#events.add(step, {
      epoch,
      lr: learningRate,
      "train/loss": loss,
      "train/grad_norm": gradientNorm,
      ...(validation
        ? {
          "val/loss": validation.loss,
          "val/accuracy": validation.accuracy,
        }
        : {}),
    });
  }

  /** How far both files go, once that has reached the device. */
  position(): Pick<TrainingProgress, "csvLength" | "events"> {
    this.#csv.sync();
    this.#events.sync();
    return {
      csvLength: this.#csv.length,
      events: { name: this.#eventsName, length: this.#events.length },
    };
  }

  /** Closes both files. */
  close(): void {
    this.#csv.close();
    this.#events.close();
  }
}

import { MultiBar, Presets } from "cli-progress";

/** A bar on standard error, with the time left. */
export interface ProgressBar {
  /** Moves the bar. */
  update(done: number, total: number): void;
  /** Takes the bar away. */
  stop(): void;
}

/**
 * Shows how far a job is on standard error, so that results on standard output
 * stay clean. Where that is no terminal, nothing is shown.
 *
 * @param label What is going on: `Merging`, or a task's name.
 */
export function progressBar(label: string): ProgressBar {
  if (!Deno.stderr.isTerminal()) {
    return { update: () => {}, stop: () => {} };
  }
  const bars = new MultiBar({
    format: `${label} {bar} {percentage}% | {eta_formatted} left`,
    clearOnComplete: true,
    hideCursor: true,
  }, Presets.rect);
  const bar = bars.create(1, 0);
  return {
    update(done, total) {
      bar.setTotal(total);
      bar.update(done);
    },
    stop: () => bars.stop(),
  };
}

/** Share of the classes predicted at first below which predictions collapse. */
const COLLAPSED = 0.6;

/** Images a class that a look at predictions needs. */
const IMAGES_A_CLASS = 8;

/**
 * Watches whether a model that is being adapted without labels comes to predict
 * few classes only, as minimal entropy allows.
 */
export class CollapseWatch {
  readonly #tasks = new Map<string, { classes: number; seen: number[] }>();

  /** Adds a batch's predictions: logits, [batch * classes]. */
  add(task: string, logits: Float32Array, classes: number): void {
    const watched = this.#tasks.get(task) ?? { classes, seen: [] };
    this.#tasks.set(task, watched);
    for (let row = 0; row < logits.length; row += classes) {
      let largest = row;
      for (let i = row + 1; i < row + classes; i++) {
        if (logits[i]! > logits[largest]!) largest = i;
      }
      watched.seen.push(largest - row);
    }
  }

  /**
   * A sentence for each task whose predictions collapsed: between the first
   * images and the last, the effective number of classes (the exponential of
   * the predictions' entropy) fell below 60 %.
   */
  findings(): string[] {
    const findings: string[] = [];
    for (const [task, { classes, seen }] of this.#tasks) {
      const window = Math.min(seen.length >> 1, IMAGES_A_CLASS * classes);
      if (window < 2 * classes) continue;
      const first = effectiveClasses(seen.slice(0, window), classes);
      const last = effectiveClasses(seen.slice(-window), classes);
      if (last >= COLLAPSED * first) continue;
      findings.push(
        `task ${task}: predictions collapse to few classes: effectively ${
          last.toFixed(1)
        } of ${classes} over the last ${window} images, ${
          first.toFixed(1)
        } over the first`,
      );
    }
    return findings;
  }
}

function effectiveClasses(seen: readonly number[], classes: number): number {
  const counts = new Array<number>(classes).fill(0);
  for (const label of seen) counts[label]!++;
  let entropy = 0;
  for (const count of counts) {
    if (count > 0) {
      entropy -= count / seen.length * Math.log(count / seen.length);
    }
  }
  return Math.exp(entropy);
}

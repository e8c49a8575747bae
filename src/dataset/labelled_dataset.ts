import type { ImageClassificationDataset, ImageExample } from "./dataset.ts";
import type { Labels } from "./labels.ts";

/** Images with labels as they are stored, which {@linkcode Labels} reads. */
export abstract class LabelledDataset implements ImageClassificationDataset {
  /** Number of images. */
  abstract readonly length: number;

  /**
   * @param name What error messages call the data set.
   * @param labels Turns stored labels into indices of classes.
   */
  constructor(readonly name: string, public labels: Labels) {}

  /** Class names in order of their labels, if known. */
  get classNames(): readonly string[] | undefined {
    return this.labels.classNames;
  }

  /** Whether those are the labels themselves, sorted. */
  get classesAreSorted(): boolean {
    return this.labels.areSorted;
  }

  /** Reads an image. */
  abstract read(index: number): Promise<ImageExample>;
}

import type * as tf from "@tensorflow/tfjs";
import { AutoImageProcessor } from "../convnext/mod.ts";
import type { ImageClassificationDataset, RgbImage } from "../dataset/mod.ts";
import { DatasetError } from "../fusion_error.ts";
import { augment, type AugmentOptions } from "./augment.ts";
import type { TrainingBatch } from "./gradients.ts";
import { randomSequence } from "./random.ts";

/** Bytes of resized images that are kept, so that an epoch decodes none again. */
const CACHE_BYTES = 512 * 2 ** 20;

/** An image as the model sees it, still as 8 bits, and its class. */
interface Example {
  image: RgbImage;
  label: number;
}

/** Options of {@linkcode Examples}. */
export interface ExamplesOptions extends AugmentOptions {
  /** Number of the head's classes. */
  classes: number;
  /** What augmentation depends on, with epoch and image. @default {0} */
  seed?: number;
  /** How many of the set's images are used: those at these places. */
  indices?: ArrayLike<number>;
}

/** A data set's images, resized once, in batches of any order. */
export class Examples {
  /** The data set. */
  readonly dataset: ImageClassificationDataset;
  readonly #processor: AutoImageProcessor;
  readonly #normalizer: AutoImageProcessor;
  readonly #options: ExamplesOptions;
  readonly #cache = new Map<number, Example>();
  #cachedBytes = 0;

  /**
   * Nothing is read yet.
   *
   * @param dataset The images.
   * @param processor Turns them into `pixel_values`.
   * @throws {DatasetError} If there is no image.
   */
  constructor(
    dataset: ImageClassificationDataset,
    processor: AutoImageProcessor,
    options: ExamplesOptions,
  ) {
    this.dataset = dataset;
    this.#processor = processor;
    this.#options = options;
    this.#normalizer = new AutoImageProcessor({
      ...processor.toConfig(),
      do_resize: false,
      do_center_crop: false,
    });
    if (this.length === 0) {
      throw new DatasetError(
        `${dataset.name}: no images, expected at least one`,
      );
    }
  }

  /** Number of images. */
  get length(): number {
    return this.#options.indices?.length ?? this.dataset.length;
  }

  /**
   * Reads a batch.
   *
   * @param positions Which images, 0 to `length - 1`.
   * @param epoch Images are augmented as this epoch's; not at all without.
   * @throws {DatasetError} If an image cannot be read, or its label is outside
   * the head.
   */
  async read(
    positions: Iterable<number>,
    epoch?: number,
  ): Promise<() => TrainingBatch> {
    const examples = await Promise.all(
      Array.from(positions, (position) => this.#example(position, epoch)),
    );
    const images = examples.map(({ image }) => image);
    const labels = Int32Array.from(examples, ({ label }) => label);
    // The tensor is made when it is needed, not while another step computes.
    return () => ({
      pixelValues: this.#normalizer.toTensor(images) as tf.Tensor4D,
      labels,
    });
  }

  async #example(position: number, epoch?: number): Promise<Example> {
    const { indices, seed = 0 } = this.#options;
    const index = indices?.[position] ?? position;
    const example = this.#cache.get(index) ?? await this.#load(index);
    if (epoch === undefined) return example;
    const random = randomSequence(seed, "augment", epoch, index);
    return {
      image: augment(example.image, this.#options, random),
      label: example.label,
    };
  }

  async #load(index: number): Promise<Example> {
    const { image, label } = await this.dataset.read(index);
    const { classes } = this.#options;
    if (!(label >= 0 && label < classes)) {
      throw new DatasetError(
        `${this.dataset.name}: label ${label} of image ${index} is outside the head, which has ${classes} classes (0 to ${
          classes - 1
        })`,
      );
    }
    const example = { image: this.#processor.processToPixels(image), label };
    if (this.#cachedBytes + example.image.data.length <= CACHE_BYTES) {
      this.#cachedBytes += example.image.data.length;
      this.#cache.set(index, example);
    }
    return example;
  }
}

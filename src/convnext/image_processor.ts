import { join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import type { RgbImage } from "../dataset/mod.ts";
import { ConfigError, DatasetError } from "../fusion_error.ts";
import { readJson } from "../read_json.ts";
import {
  type ImageProcessorConfig,
  parseImageProcessorConfig,
} from "./image_processor_config.ts";
import { pillowResize, RESAMPLE } from "./pillow_resize.ts";

const FILE = "preprocessor_config.json";

/** Images as a model takes them. */
export interface PixelValues {
  /** The numbers, row-major. */
  data: Float32Array;
  /** `[images, height, width, 3]`. */
  shape: [number, number, number, number];
}

/**
 * Turns images into `pixel_values` as transformers' `ConvNextImageProcessor`
 * (its PIL version) does, to the last bit of every 8-bit pixel.
 *
 * Below 384 pixels an image is resized so that its shorter side is
 * `size / crop_pct`, and the middle cut out; from 384 on it is warped to a
 * square.
 */
export class AutoImageProcessor {
  readonly #config: ImageProcessorConfig;
  readonly #tables: readonly Float32Array[];

  /**
   * What the config leaves out is as in transformers: 384 pixels, `crop_pct`
   * 224/256, bicubic, mean and standard deviation 0.5.
   *
   * @param config Content of a `preprocessor_config.json`.
   * @param source Its path, for error messages.
   * @throws {ConfigError} If a field is wrong; names it.
   */
  constructor(config: unknown = {}, source: string = FILE) {
    this.#config = parseImageProcessorConfig(config, source);
    this.#tables = [0, 1, 2].map((channel) => this.#table(channel));
  }

  /**
   * Reads `preprocessor_config.json` of a model's folder.
   * @throws {ConfigError} If it is not there, not JSON, or of another kind.
   */
  static async fromPretrained(
    folder: string,
  ): Promise<AutoImageProcessor> {
    const processor = await AutoImageProcessor.fromPretrainedIfAny(folder);
    if (processor) return processor;
    throw new ConfigError(
      `${join(folder, FILE)}: not found, expected the image processor's config`,
    );
  }

  /** As {@linkcode fromPretrained}; undefined if there is no such file. */
  static async fromPretrainedIfAny(
    folder: string,
  ): Promise<AutoImageProcessor | undefined> {
    const path = join(folder, FILE);
    const file = await readJson(path, ConfigError);
    return file && new AutoImageProcessor(file.json, path);
  }

  /** The config as it was given, with defaults filled in. */
  toConfig(): Record<string, unknown> {
    return {
      image_processor_type: "ConvNextImageProcessor",
      ...this.#config,
      do_resize: this.#config.do_resize ?? true,
      size: this.#size,
      crop_pct: this.#cropPct,
      resample: this.#resample,
      do_rescale: this.#config.do_rescale ?? true,
      rescale_factor: this.#config.rescale_factor ?? 1 / 255,
      do_normalize: this.#config.do_normalize ?? true,
      image_mean: this.#config.image_mean ?? [0.5, 0.5, 0.5],
      image_std: this.#config.image_std ?? [0.5, 0.5, 0.5],
    };
  }

  /** Writes `preprocessor_config.json` into a folder, for transformers too. */
  async save(folder: string): Promise<void> {
    await Deno.writeTextFile(
      join(folder, FILE),
      JSON.stringify(this.toConfig(), null, 2) + "\n",
    );
  }

  /** Resizes and crops an image: what the model sees, still as 8 bits. */
  processToPixels(image: RgbImage): RgbImage {
    const resized = this.#config.do_resize ?? true
      ? this.#resize(image)
      : image;
    if (!this.#config.do_center_crop) return resized;
    const crop = this.#config.crop_size ?? 224;
    const [height, width] = typeof crop === "number"
      ? [crop, crop]
      : "height" in crop
      ? [crop.height, crop.width]
      : [crop.shortest_edge, crop.shortest_edge];
    return cropCenter(resized, height, width);
  }

  /**
   * Resizes, crops, rescales and normalises images.
   *
   * @param images Any number, at least one.
   * @throws {DatasetError} If there is none, or they end up of different sizes
   * (only possible without `do_resize`).
   */
  preprocess(images: readonly RgbImage[]): PixelValues {
    const cropped = images.map((image) => this.processToPixels(image));
    const first = cropped[0];
    if (!first) throw new DatasetError("no image, expected at least one");
    const { width, height } = first;
    const length = width * height * 3;
    const [red, green, blue] = this.#tables as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const data = new Float32Array(length * images.length);
    for (const [index, image] of cropped.entries()) {
      if (image.width !== width || image.height !== height) {
        throw new DatasetError(
          `image ${index} of a batch is ${image.width}×${image.height} pixels, expected ${width}×${height} as the first`,
        );
      }
      const to = index * length;
      for (let i = 0; i < length; i += 3) {
        data[to + i] = red[image.data[i]!]!;
        data[to + i + 1] = green[image.data[i + 1]!]!;
        data[to + i + 2] = blue[image.data[i + 2]!]!;
      }
    }
    return { data, shape: [images.length, height, width, 3] };
  }

  /**
   * {@linkcode preprocess}, as a tensor.
   * @returns `pixel_values`, `[images, height, width, 3]`.
   */
  toTensor(images: readonly RgbImage[]): tf.Tensor4D {
    const { data, shape } = this.preprocess(images);
    return tf.tensor4d(data, shape);
  }

  get #size(): { shortest_edge: number } | { height: number; width: number } {
    const size = this.#config.size ?? 384;
    return typeof size === "number" ? { shortest_edge: size } : size;
  }

  get #cropPct(): number {
    return this.#config.crop_pct ?? 224 / 256;
  }

  get #resample(): number {
    return this.#config.resample ?? RESAMPLE.bicubic;
  }

  #resize(image: RgbImage): RgbImage {
    const resample = this.#resample;
    const size = this.#size;
    if ("height" in size) {
      return pillowResize(image, size.width, size.height, { resample });
    }
    const edge = size.shortest_edge;
    if (edge >= 384) return pillowResize(image, edge, edge, { resample });
    const short = Math.max(1, Math.trunc(edge / this.#cropPct));
    const { width, height } = image;
    const long = Math.trunc(
      short * Math.max(width, height) / Math.min(width, height),
    );
    const [toWidth, toHeight] = width <= height ? [short, long] : [long, short];
    if (short >= edge) {
      // Pixels that will be cut off need not be computed.
      const region = {
        left: Math.floor((toWidth - edge) / 2),
        top: Math.floor((toHeight - edge) / 2),
        width: edge,
        height: edge,
      };
      return pillowResize(image, toWidth, toHeight, { resample, region });
    }
    return cropCenter(
      pillowResize(image, toWidth, toHeight, { resample }),
      edge,
      edge,
    );
  }

  /** What each of a channel's 256 values becomes, in transformers' float32. */
  #table(channel: number): Float32Array {
    const { do_rescale, do_normalize, rescale_factor, image_mean, image_std } =
      this.toConfig() as {
        do_rescale: boolean;
        do_normalize: boolean;
        rescale_factor: number;
        image_mean: number | number[];
        image_std: number | number[];
      };
    const of = (value: number | number[]): number =>
      Math.fround(typeof value === "number" ? value : value[channel]!);
    const mean = of(image_mean);
    const deviation = of(image_std);
    return Float32Array.from({ length: 256 }, (_, value) => {
      const rescaled = do_rescale ? Math.fround(value * rescale_factor) : value;
      return do_normalize ? Math.fround(rescaled - mean) / deviation : rescaled;
    });
  }
}

/** Cuts out the middle; black where the image is smaller than that. */
function cropCenter(
  image: RgbImage,
  height: number,
  width: number,
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  const begin = Math.max(0, left);
  const end = Math.min(image.width, left + width);
  for (let y = 0; y < height; y++) {
    const row = top + y;
    if (row < 0 || row >= image.height) continue;
    const from = row * image.width;
    data.set(
      image.data.subarray((from + begin) * 3, (from + end) * 3),
      (y * width + begin - left) * 3,
    );
  }
  return { width, height, data };
}

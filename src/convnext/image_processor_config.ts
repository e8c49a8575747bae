import * as z from "zod";
import { ConfigError } from "../fusion_error.ts";

/** No ConvNeXt sees larger images; what claims to would fill the memory. */
const LARGEST_SIZE = 4096;

const pixels = z.int().positive().max(LARGEST_SIZE);
const perChannel = z.union([z.number(), z.array(z.number()).length(3)]);
const flag = z.boolean().nullish();
const size = z.union([
  pixels,
  z.object({ shortest_edge: pixels }),
  z.object({ height: pixels, width: pixels }),
]);

const schema = z.looseObject({
  image_processor_type: z.string().startsWith("ConvNextImageProcessor")
    .optional(),
  feature_extractor_type: z.string().startsWith("ConvNext").optional(),
  do_resize: flag,
  size: size.nullish(),
  crop_pct: z.number().min(0.01).max(10).nullish(),
  resample: z.int().min(0).max(5).nullish(),
  do_center_crop: flag,
  crop_size: size.nullish(),
  do_rescale: flag,
  rescale_factor: z.number().nullish(),
  do_normalize: flag,
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
});

/** A `preprocessor_config.json`; fields that are not used are kept. */
export type ImageProcessorConfig = z.infer<typeof schema>;

const SIZE =
  `a number of pixels up to ${LARGEST_SIZE}, {"shortest_edge": …} or {"height": …, "width": …}`;

const EXPECTED: Readonly<Record<string, string>> = {
  image_processor_type: "ConvNextImageProcessor",
  feature_extractor_type: "ConvNextFeatureExtractor",
  size: SIZE,
  crop_size: SIZE,
  crop_pct: "a number from 0.01 to 10",
  resample: "Pillow's number of a filter, 0 to 5 (3 is bicubic)",
  image_mean: "a number or one for each of 3 channels",
  image_std: "a number or one for each of 3 channels",
};

/**
 * Checks the content of a `preprocessor_config.json`.
 * @throws {ConfigError} If a field is wrong; names it.
 */
export function parseImageProcessorConfig(
  config: unknown,
  source: string,
): ImageProcessorConfig {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path ?? [];
  const found = path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)?.[key],
    config,
  );
  const field = path.length === 0 ? "the whole file" : path.join(".");
  throw new ConfigError(
    `${source}: ${field} is ${JSON.stringify(found)}, expected ${
      EXPECTED[String(path[0])] ?? issue?.message
    }`,
  );
}

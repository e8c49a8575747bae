import type { TimmConfig } from "./timm_config.ts";

/** Pillow's numbers of its filters by timm's names. */
const FILTERS: Readonly<Record<string, number>> = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
};

/**
 * `preprocessor_config.json` of what timm's `config.json` says of images.
 *
 * @returns Its content; undefined if timm's config does not say it.
 */
export function imageProcessorFromTimm(
  { pretrained_cfg: timm }: TimmConfig,
): Record<string, unknown> | undefined {
  if (!timm?.input_size || !timm["mean"] || !timm["std"]) return undefined;
  return {
    crop_pct: timm["crop_pct"] ?? 0.875,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: timm["mean"],
    image_processor_type: "ConvNextImageProcessor",
    image_std: timm["std"],
    resample: FILTERS[String(timm["interpolation"])] ?? FILTERS["bicubic"],
    rescale_factor: 1 / 255,
    size: { shortest_edge: timm.input_size.at(-1) },
  };
}

/** What timm's `pretrained_cfg` says of images, from `preprocessor_config.json`. */
export function timmFromImageProcessor(
  processor: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const filter = Object.entries(FILTERS).find(([, number]) =>
    number === processor["resample"]
  );
  return Object.fromEntries(
    Object.entries({
      mean: processor["image_mean"],
      std: processor["image_std"],
      crop_pct: processor["crop_pct"],
      interpolation: filter?.[0],
    }).filter(([, value]) => value !== undefined && value !== null),
  );
}

import {
  type ConvNextConfig,
  parseConvNextConfig,
} from "../src/convnext/mod.ts";

/** The published sizes that are timed, 1,000 classes at 224 x 224. */
export const SIZES: Readonly<
  Record<string, { depths: number[]; hidden_sizes: number[] }>
> = {
  tiny: { depths: [3, 3, 9, 3], hidden_sizes: [96, 192, 384, 768] },
  base: { depths: [3, 3, 27, 3], hidden_sizes: [128, 256, 512, 1024] },
};

/**
 * The config of one of {@linkcode SIZES}.
 *
 * @param size Its name.
 */
export function configOfSize(size: string): ConvNextConfig {
  return parseConvNextConfig({
    architectures: ["ConvNextForImageClassification"],
    model_type: "convnext",
    num_labels: 1000,
    ...SIZES[size],
  }, size);
}

import * as z from "zod";
import { shownIssue } from "../checkpoint/mod.ts";
import { ConfigError } from "../fusion_error.ts";

// A hundred times the largest known: what is larger would but fill the memory.
const size = z.int().positive().max(1 << 16);
const depth = z.int().positive().max(1000);
const labels = z.int().nonnegative().max(1_000_000);

const schema = z.looseObject({
  model_type: z.enum(["convnext", "convnextv2"]).default("convnext"),
  num_channels: size.default(3),
  patch_size: z.union([size, z.tuple([size, size])]).default(4),
  num_stages: z.int().positive().max(100).default(4),
  hidden_sizes: z.array(size).default([96, 192, 384, 768]),
  depths: z.array(depth).default([3, 3, 9, 3]),
  hidden_act: z.enum(["gelu", "relu", "silu"]).default("gelu"),
  initializer_range: z.number().nonnegative().default(0.02),
  layer_norm_eps: z.number().nonnegative().default(1e-12),
  layer_scale_init_value: z.number().default(1e-6),
  drop_path_rate: z.number().min(0).max(1).default(0),
  image_size: z.union([size, z.tuple([size, size])]).default(224),
  num_labels: labels.optional(),
  id2label: z.record(z.string(), z.string()).nullish(),
  label2id: z.record(z.string(), z.int()).nullish(),
});

/**
 * A Hugging Face ConvNeXt `config.json`, with transformers' defaults filled
 * in. Fields that this project does not use are kept, so that a config that is
 * read and written again loses nothing.
 */
export interface ConvNextConfig {
  /** The architecture: ConvNeXt, or ConvNeXt V2. */
  model_type: "convnext" | "convnextv2";
  /** Colour channels of `pixel_values`. */
  num_channels: number;
  /** Height and width in pixels of the stem's patches. */
  patch_size: number | [number, number];
  /** Number of stages; as many as `hidden_sizes` and `depths` have. */
  num_stages: number;
  /** Channels of each stage. */
  hidden_sizes: number[];
  /** Blocks of each stage. */
  depths: number[];
  /** Activation between a block's two pointwise products. */
  hidden_act: "gelu" | "relu" | "silu";
  /** Standard deviation of freshly initialised kernels. */
  initializer_range: number;
  /** Epsilon of the LayerNorm over pooled features (blocks use 1e-6). */
  layer_norm_eps: number;
  /**
   * Initial layer scale; blocks have none where it is 0 or less, as always in
   * ConvNeXt V2.
   */
  layer_scale_init_value: number;
  /** Stochastic depth, used in training only. */
  drop_path_rate: number;
  /** Height and width in pixels that the model was trained on. */
  image_size: number | [number, number];
  /** Class index to class name; its size is the head's. */
  id2label: Record<string, string>;
  /** Class name to class index. */
  label2id: Record<string, number>;
  /** Whatever else the file holds. */
  [key: string]: unknown;
}

/**
 * Checks a parsed `config.json` and fills in transformers' defaults (two
 * labels, `LABEL_0` and `LABEL_1`, where it names none).
 *
 * @param json What the file holds.
 * @param source Its path, for error messages.
 * @throws {ConfigError} If a field is missing its meaning: the message names it.
 */
export function parseConvNextConfig(
  json: unknown,
  source: string,
): ConvNextConfig {
  const result = schema.safeParse(json);
  if (!result.success) {
    throw new ConfigError(`${source}: ${shownIssue(result.error, json)}`);
  }
  const { num_labels, ...config } = result.data;
  if (config.model_type === "convnextv2") config.layer_scale_init_value = 0;
  for (const key of ["hidden_sizes", "depths"] as const) {
    if (config[key].length !== config.num_stages) {
      throw new ConfigError(
        `${source}: ${key} has ${
          config[key].length
        } entries, expected num_stages = ${config.num_stages}`,
      );
    }
  }
  const labels = config.id2label
    ? labelsById(config.id2label, source)
    : Array.from({ length: num_labels ?? 2 }, (_, i) => `LABEL_${i}`);
  return { ...config, ...labelMaps(labels) };
}

function labelsById(
  id2label: Record<string, string>,
  source: string,
): string[] {
  const count = Object.keys(id2label).length;
  return Array.from({ length: count }, (_, id) => {
    const label = id2label[id];
    if (label === undefined) {
      throw new ConfigError(
        `${source}: id2label has ${count} entries but none for class ${id}, expected 0 to ${
          count - 1
        }`,
      );
    }
    return label;
  });
}

/** The two label fields of a config, from class names in order. */
export function labelMaps(
  labels: readonly string[],
): Pick<ConvNextConfig, "id2label" | "label2id"> {
  return {
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
}

/** Class names in order of their index. */
export function labelsOf(config: ConvNextConfig): string[] {
  return Object.keys(config.id2label)
    .map(Number)
    .sort((a, b) => a - b)
    .map((id) => config.id2label[id] ?? `LABEL_${id}`);
}

/** Number of classes of the config's head. */
export function numLabels(config: ConvNextConfig): number {
  return Object.keys(config.id2label).length;
}

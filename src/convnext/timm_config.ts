import * as z from "zod";
import { oneLine, shown, type StateDict } from "../checkpoint/mod.ts";
import { CheckpointError, ConfigError } from "../fusion_error.ts";
import { architectureOf } from "./architecture.ts";
import {
  type ConvNextConfig,
  labelsOf,
  numLabels,
  parseConvNextConfig,
} from "./config.ts";
import { timmArchitecture, timmToHuggingFace } from "./timm_state_dict.ts";

/** timm adds this to the variance of every LayerNorm. */
const EPSILON = 1e-6;

const schema = z.looseObject({
  architecture: z.string(),
  pretrained_cfg: z.looseObject({
    input_size: z.array(z.int().positive()).length(3).optional(),
    label_names: z.array(z.string()).nullish(),
  }).optional(),
  model_args: z.looseObject({
    act_layer: z.enum(["gelu", "relu", "silu"]).default("gelu"),
    norm_eps: z.number().nullish(),
  }).optional(),
});

/** timm's `config.json`; fields that are not used are kept. */
export interface TimmConfig {
  /** Name of the model, for `timm.create_model`. */
  architecture: string;
  /** How the weights were trained. */
  pretrained_cfg?: {
    /** Channels, height and width of images. */
    input_size?: number[] | undefined;
    /** Class names in order. */
    label_names?: string[] | null | undefined;
    /** Whatever else it holds. */
    [key: string]: unknown;
  } | undefined;
  /** What `timm.create_model` is given besides the name. */
  model_args?: { [key: string]: unknown } | undefined;
  /** Whatever else the file holds. */
  [key: string]: unknown;
}

/** Whether a parsed `config.json` is timm's. */
export function isTimmConfig(json: unknown): boolean {
  return typeof json === "object" && json !== null && "architecture" in json &&
    !("model_type" in json);
}

/**
 * Checks a parsed `config.json` of timm.
 *
 * @throws {ConfigError} If it is none, or of a model that transformers lacks.
 */
export function parseTimmConfig(json: unknown, source: string): TimmConfig {
  const { success, data, error } = schema.safeParse(json);
  if (!success) {
    const { path, message } = error.issues[0]!;
    throw new ConfigError(
      `${source}: ${oneLine(path.join(".")) || "the whole file"}: ${message}`,
    );
  }
  if (!/^convnext(v2)?_/.test(data.architecture)) {
    throw new ConfigError(
      `${source}: architecture is ${
        shown(data.architecture)
      }, expected a convnext_… or convnextv2_…`,
    );
  }
  const epsilon = data.model_args?.norm_eps ??
    (data.architecture === "convnext_xxlarge" ? 1e-5 : EPSILON);
  if (epsilon !== EPSILON) {
    throw new ConfigError(
      `${source}: LayerNorm's epsilon is ${epsilon}, transformers' ConvNeXt has ${EPSILON}`,
    );
  }
  return data;
}

/**
 * The Hugging Face config of a timm ConvNeXt: its sizes are told by its
 * tensors, its classes' names and image size by timm's config.
 *
 * @param stateDict Has timm's names.
 * @throws {CheckpointError} If the tensors are not a ConvNeXt classifier's.
 */
export function configFromTimm(
  stateDict: StateDict,
  timm?: TimmConfig,
): ConvNextConfig {
  const { modelType, backbone } = timmArchitecture(stateDict);
  const view = timmToHuggingFace(stateDict);
  const names = new Set(view.names);
  const shapeOf = (name: string): readonly number[] => {
    if (names.has(name)) return view.info(name).shape;
    throw new CheckpointError(
      `${stateDict.source}: no tensor for transformers' ${name}, expected a ConvNeXt classifier of timm`,
    );
  };
  const stages = `${backbone}.encoder.stages`;
  const depths: number[] = [];
  const sizes: number[] = [];
  for (
    let block = `${stages}.0.layers.0`;
    names.has(`${block}.dwconv.weight`);
    block = `${stages}.${depths.length}.layers.0`
  ) {
    sizes.push(shapeOf(`${block}.dwconv.weight`)[0]!);
    const prefix = `${stages}.${depths.length}.layers`;
    let depth = 1;
    while (names.has(`${prefix}.${depth}.dwconv.weight`)) depth++;
    depths.push(depth);
  }
  const [, channels, height, width] = shapeOf(
    `${backbone}.embeddings.patch_embeddings.weight`,
  );
  const classes = shapeOf("classifier.weight")[0]!;
  const labels = timm?.pretrained_cfg?.label_names;
  const [, ...size] = timm?.pretrained_cfg?.input_size ?? [3, 224, 224];
  return parseConvNextConfig({
    architectures: [architectureOf({ model_type: modelType }).className],
    model_type: modelType,
    num_channels: channels,
    patch_size: height === width ? height : [height, width],
    num_stages: depths.length,
    hidden_sizes: sizes,
    depths,
    hidden_act: timm?.model_args?.["act_layer"] ?? "gelu",
    layer_norm_eps: EPSILON,
    layer_scale_init_value:
      names.has(`${stages}.0.layers.0.layer_scale_parameter`) ? EPSILON : 0,
    image_size: size[0] === size[1] ? size[0] : size,
    num_labels: classes,
    ...(labels?.length === classes
      ? { id2label: Object.fromEntries(labels.entries()) }
      : {}),
  }, stateDict.source);
}

/** Whether a timm model has its pointwise products as 1x1 convolutions. */
export function usesConvolutions(
  { architecture, model_args: options }: TimmConfig,
): boolean {
  const option = options?.["conv_mlp"];
  return typeof option === "boolean"
    ? option
    : /^convnext_(atto|femto|pico|nano)/.test(architecture);
}

/** Sizes of timm's models by name. */
const MODELS: readonly (readonly [string, number, readonly number[]])[] = [
  ["atto", 40, [2, 2, 6, 2]],
  ["femto", 48, [2, 2, 6, 2]],
  ["pico", 64, [2, 2, 6, 2]],
  ["nano", 80, [2, 2, 8, 2]],
  ["tiny", 96, [3, 3, 9, 3]],
  ["small", 96, [3, 3, 27, 3]],
  ["base", 128, [3, 3, 27, 3]],
  ["large", 192, [3, 3, 27, 3]],
  ["xlarge", 256, [3, 3, 27, 3]],
  ["huge", 352, [3, 3, 27, 3]],
];

/**
 * timm's `config.json` of a Hugging Face config, for `timm.create_model`.
 *
 * @param source What the error message calls the model.
 * @param convolutions Pointwise products as 1x1 convolutions: `conv_mlp`.
 * @throws {ConfigError} If timm's ConvNeXt cannot have its sizes.
 */
export function timmConfigOf(
  config: ConvNextConfig,
  convolutions = false,
  source = "the model",
): TimmConfig {
  const { num_stages: stages, patch_size: patch } = config;
  // With patches of 2 pixels timm's first stage halves its input, too.
  if (stages !== 4 || typeof patch !== "number" || patch === 2) {
    throw new ConfigError(
      `${source} has num_stages = ${stages} and patch_size = ${patch}, for timm's ConvNeXt expected 4 stages and square patches of other than 2 pixels`,
    );
  }
  const { hidden_sizes: dims, depths, image_size: image } = config;
  const named = MODELS.find(([, first, blocks]) =>
    `${dims}` === `${[1, 2, 4, 8].map((factor) => factor * first)}` &&
    `${depths}` === `${blocks}`
  );
  const size = typeof image === "number" ? [image, image] : image;
  const v2 = config.model_type === "convnextv2";
  return {
    architecture: `${v2 ? "convnextv2" : "convnext"}_${named?.[0] ?? "tiny"}`,
    num_classes: numLabels(config),
    num_features: dims.at(-1)!,
    pretrained_cfg: {
      input_size: [config.num_channels, ...size],
      label_names: labelsOf(config),
    },
    // What the name says is said again: sizes may be others than the name's.
    model_args: {
      depths,
      dims,
      patch_size: config.patch_size,
      act_layer: config.hidden_act,
      conv_mlp: convolutions,
      ...(v2 || config.layer_scale_init_value <= 0
        ? { ls_init_value: null }
        : {}),
    },
  };
}

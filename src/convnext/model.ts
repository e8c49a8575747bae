import * as tf from "@tensorflow/tfjs";
import {
  architectureOf,
  ARCHITECTURES,
  fusionTargetsOf,
} from "./architecture.ts";
import { ConvNextBackbone } from "./backbone.ts";
import { type ConvNextConfig, numLabels } from "./config.ts";
import { ConvNextLayer } from "./convnext_layer.ts";
import { ConvNextLayerNorm } from "./layer_norm.ts";
import { setMetadata } from "./metadata.ts";
import { normal } from "./normal.ts";

/** How a model's weights begin. */
export interface InitializeOptions {
  /**
   * Draws kernels from a normal distribution, as training needs; `false` sets
   * them to zero, which is faster where weights are loaded next.
   * @default {true}
   */
  initialize?: boolean;
}

/**
 * Builds a ConvNeXt image classifier of any size with fresh weights.
 *
 * Input `pixel_values` [batch, height, width, channels] -> layer `convnext`
 * (a LayersModel whose output is the pooled features [batch, channels]) ->
 * layer `classifier` (Dense; output: logits [batch, labels], no softmax). The
 * backbone of a ConvNeXt V2 is called `convnextv2`.
 * The backbone is flagged as fusion target in the user-defined metadata, which
 * also carries the config.
 *
 * @param config As `config.json` of `facebook/convnext-{tiny,small,base,large,xlarge}-224`.
 */
export function createConvNext(
  config: ConvNextConfig,
  { initialize = true }: InitializeOptions = {},
): tf.LayersModel {
  const range = initialize ? config.initializer_range : 0;
  return attachHead(createBackbone(config, range), config, { initialize });
}

/** How a head is put on a backbone. */
export interface AttachHeadOptions extends InitializeOptions {
  /** What the pooled features go through before the head. */
  before?: tf.layers.Layer;
}

/**
 * Puts a fresh `classifier` of the config's size on a backbone. Many heads may
 * share one backbone: it is not copied.
 *
 * @param backbone The `convnext` layer of another model, or a new one.
 * @param config Its `id2label` sets the head's size.
 */
export function attachHead(
  backbone: tf.LayersModel,
  config: ConvNextConfig,
  { initialize = true, before }: AttachHeadOptions = {},
): tf.LayersModel {
  const pixelValues = tf.input({
    shape: [null, null, config.num_channels],
    name: "pixel_values",
  });
  const classifier = tf.layers.dense({
    name: "classifier",
    units: numLabels(config),
    kernelInitializer: normal(initialize ? config.initializer_range : 0),
  });
  const shared = applyShared(backbone, pixelValues);
  const pooled = before ? before.apply(shared) as tf.SymbolicTensor : shared;
  const model = tf.model({
    name: architectureOf(config).className,
    inputs: pixelValues,
    outputs: classifier.apply(pooled) as tf.SymbolicTensor,
  });
  setMetadata(model, { fusion_targets: fusionTargetsOf(config), config });
  return model;
}

/**
 * Applies a backbone so that it lives until the last model over it is disposed
 * of. TensorFlow.js counts a nested model's uses as one each, but takes two
 * away when an outer model is disposed of (as its layer, and as a container
 * within it); only the first use is made up for by the one it starts with.
 */
function applyShared(
  backbone: tf.LayersModel,
  input: tf.SymbolicTensor,
): tf.SymbolicTensor {
  const counter = backbone as unknown as { _refCount: number };
  const isShared = counter._refCount > 1;
  const output = backbone.apply(input) as tf.SymbolicTensor;
  if (isShared) counter._refCount++;
  return output;
}

/** The backbone: stem, stages, mean over space, LayerNorm. */
function createBackbone(
  config: ConvNextConfig,
  initializerRange: number,
): tf.LayersModel {
  const { backbone, globalResponseNorm } = architectureOf(config);
  const pixelValues = tf.input({
    shape: [null, null, config.num_channels],
    name: "backbone_pixel_values",
  });
  const apply = (
    layer: tf.layers.Layer,
    features: tf.SymbolicTensor,
  ): tf.SymbolicTensor => layer.apply(features) as tf.SymbolicTensor;
  const convolution = (
    name: string,
    filters: number,
    patch: number | [number, number],
  ): tf.layers.Layer =>
    tf.layers.conv2d({
      name,
      filters,
      kernelSize: patch,
      strides: patch,
      padding: "valid",
      kernelInitializer: normal(initializerRange),
    });

  let features = apply(
    convolution(
      "embeddings.patch_embeddings",
      config.hidden_sizes[0]!,
      config.patch_size,
    ),
    pixelValues,
  );
  features = apply(
    new ConvNextLayerNorm({ name: "embeddings.layernorm", epsilon: 1e-6 }),
    features,
  );

  const blocks = config.depths.reduce((sum, depth) => sum + depth, 0);
  let block = 0;
  for (const [stage, depth] of config.depths.entries()) {
    const path = `encoder.stages.${stage}`;
    if (stage > 0) {
      const downsampling = `${path}.downsampling_layer`;
      features = apply(
        new ConvNextLayerNorm({ name: `${downsampling}.0`, epsilon: 1e-6 }),
        features,
      );
      features = apply(
        convolution(`${downsampling}.1`, config.hidden_sizes[stage]!, 2),
        features,
      );
    }
    for (let i = 0; i < depth; i++) {
      features = apply(
        new ConvNextLayer({
          name: `${path}.layers.${i}`,
          hiddenAct: config.hidden_act,
          layerScale: globalResponseNorm ? 0 : config.layer_scale_init_value,
          globalResponseNorm,
          initializerRange,
          dropPath: config.drop_path_rate * block / Math.max(blocks - 1, 1),
        }),
        features,
      );
      block++;
    }
  }

  features = apply(
    tf.layers.globalAveragePooling2d(
      { name: "pooling" } as Parameters<
        typeof tf.layers.globalAveragePooling2d
      >[0],
    ),
    features,
  );
  features = apply(
    new ConvNextLayerNorm({
      name: "layernorm",
      epsilon: config.layer_norm_eps,
    }),
    features,
  );
  return new ConvNextBackbone(
    { name: backbone, inputs: pixelValues, outputs: features },
    config,
  );
}

/** The backbone of a classifier: its `convnext` or `convnextv2` layer. */
export function backboneOf(model: tf.LayersModel): tf.LayersModel {
  const names = Object.values(ARCHITECTURES).map(({ backbone }) => backbone);
  const layer = model.layers.find(({ name }) => names.includes(name));
  return (layer ?? model.getLayer(names[0]!)) as tf.LayersModel;
}

/**
 * A model over the same weights that gives every hidden state, as
 * `output_hidden_states` does in transformers: the stem's output, then each
 * stage's, [batch, height, width, channels].
 */
export function hiddenStatesModel(
  model: tf.LayersModel,
  config: ConvNextConfig,
): tf.LayersModel {
  const backbone = backboneOf(model);
  const outputs = ["embeddings.layernorm"].concat(
    config.depths.map((depth, stage) =>
      `encoder.stages.${stage}.layers.${depth - 1}`
    ),
  ).map((name) => backbone.getLayer(name).output as tf.SymbolicTensor);
  return tf.model({ inputs: backbone.inputs, outputs });
}

import * as tf from "@tensorflow/tfjs";
import { applyBlock } from "./apply_block.ts";
import { ConvNextLayer } from "./convnext_layer.ts";
import { backboneOf } from "./model.ts";

/** What one of a backbone's linear maps is given. */
export interface LinearInput {
  /** Hugging Face name of its weight, [out, …]. */
  readonly name: string;
  /**
   * One row for each product, [rows, in]; `in` is in the order of the weight's
   * axes behind the first. Disposed of when the next is asked for.
   */
  readonly rows: tf.Tensor2D;
}

/** Layers that are left out of a walk. */
export interface LinearInputsOptions {
  /** Gives the patch convolutions' unfolded inputs too. @default {true} */
  convolutions?: boolean;
}

/**
 * Walks through a backbone layer by layer and gives the input of each linear
 * map: of the blocks' pointwise products, and of the stem's and the
 * downsampling layers' patch convolutions, whose patches do not overlap and so
 * make rows of their own. Depthwise convolutions are not among them: a filter
 * of theirs sees one channel only.
 *
 * @param model A classifier.
 * @param pixelValues [batch, height, width, channels].
 * @param visit Told of each map in turn; runs inside `tf.tidy`.
 * @returns The pooled features, [batch, channels].
 */
export function linearInputs(
  model: tf.LayersModel,
  pixelValues: tf.Tensor4D,
  visit: (input: LinearInput) => void,
  { convolutions = true }: LinearInputsOptions = {},
): tf.Tensor2D {
  return tf.tidy(() => {
    let features: tf.Tensor = tf.clone(pixelValues);
    for (const layer of namedLayers(model)) {
      const next = applyLayer(layer, features, visit, { convolutions });
      features.dispose();
      features = next;
    }
    return features as tf.Tensor2D;
  });
}

/** A layer of a backbone with its Hugging Face name. */
export interface NamedLayer {
  /** What its weights' names begin with, such as `convnext.layernorm`. */
  readonly path: string;
  /** The layer. */
  readonly layer: tf.layers.Layer;
}

/** The layers of a classifier's backbone, in the order in which they compute. */
export function namedLayers(model: tf.LayersModel): NamedLayer[] {
  const backbone = backboneOf(model);
  return backbone.layers
    .filter((layer) => layer.getClassName() !== "InputLayer")
    .map((layer) => ({ path: `${backbone.name}.${layer.name}`, layer }));
}

/**
 * Applies one layer of a backbone, as {@linkcode linearInputs} does all.
 *
 * @param features What the layer before gave.
 * @param visit Told of each linear map in the layer; runs inside `tf.tidy`.
 */
export function applyLayer(
  { path, layer }: NamedLayer,
  features: tf.Tensor,
  visit: (input: LinearInput) => void,
  { convolutions = true }: LinearInputsOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    if (layer instanceof ConvNextLayer) {
      return block(
        layer,
        features as tf.Tensor4D,
        (name, rows) => visit({ name: `${path}.${name}`, rows }),
      );
    }
    if (convolutions && layer.getClassName() === "Conv2D") {
      const { kernelSize } = layer.getConfig() as {
        kernelSize: [number, number];
      };
      const rows = unfold(features as tf.Tensor4D, kernelSize);
      visit({ name: `${path}.weight`, rows });
    }
    return layer.apply(features) as tf.Tensor;
  });
}

/** A block that tells what it multiplies. */
function block(
  layer: ConvNextLayer,
  residual: tf.Tensor4D,
  visit: (name: string, rows: tf.Tensor2D) => void,
): tf.Tensor {
  const weights = layer.namedWeights();
  return applyBlock(layer, residual, (name, rows) => {
    visit(`${name}.weight`, rows);
    return tf.add(
      tf.matMul(rows, weights[`${name}.weight`]!.read() as tf.Tensor2D),
      weights[`${name}.bias`]!.read(),
    );
  });
}

/** Patches that do not overlap, [batch * patches, channels * high * wide]. */
function unfold(
  features: tf.Tensor4D,
  [high, wide]: [number, number],
): tf.Tensor2D {
  const [batch, height, width, channels] = features.shape;
  const down = Math.floor(height / high);
  const across = Math.floor(width / wide);
  const whole = tf.slice(features, [0, 0, 0, 0], [
    batch,
    down * high,
    across * wide,
    channels,
  ]);
  // Two turns of few axes each: not every backend turns six at once.
  const cut = tf.transpose(
    tf.reshape(whole, [batch * down, high, across, wide * channels]),
    [0, 2, 1, 3],
  );
  const pixels = tf.reshape(cut, [
    batch * down * across,
    high * wide,
    channels,
  ]);
  return tf.reshape(tf.transpose(pixels, [0, 2, 1]), [
    batch * down * across,
    channels * high * wide,
  ]);
}

import * as tf from "@tensorflow/tfjs";
import {
  fusedBackbone,
  hasNativeOps,
  type LayerWeights,
  recordsGradients,
} from "../backend/mod.ts";
import type { ConvNextConfig } from "./config.ts";
import { BLOCK_EPSILON, ConvNextLayer } from "./convnext_layer.ts";

type Tensors = tf.Tensor | tf.Tensor[];

/** Whole registers of a product, as the backend's operation wants them. */
const CHANNELS = 32;

/**
 * A ConvNeXt without its head, made of layers. For inference TensorFlow's
 * library computes all of them in one operation: for a single image, going from
 * layer to layer takes a tenth of the time.
 */
export class ConvNextBackbone extends tf.LayersModel {
  readonly #config: ConvNextConfig;

  /**
   * A model of layers that are connected already.
   *
   * @param args As of `tf.model`.
   * @param config What the layers were made by.
   */
  constructor(
    args: ConstructorParameters<typeof tf.LayersModel>[0],
    config: ConvNextConfig,
  ) {
    super(args);
    this.#config = config;
  }

  /** Pooled features [batch, channels] of [batch, height, width, channels]. */
  override call(
    inputs: Tensors,
    kwargs: Parameters<tf.LayersModel["call"]>[1],
  ): Tensors {
    // TensorFlow.js's own models, too, may be called without.
    const training = (kwargs as typeof kwargs | undefined)?.["training"];
    const pooled = training || recordsGradients()
      ? undefined
      : tf.tidy(() => this.#atOnce([inputs].flat()[0] as tf.Tensor4D));
    return pooled ?? super.call(inputs, kwargs);
  }

  #atOnce(pixels: tf.Tensor4D): tf.Tensor | undefined {
    const { depths, hidden_act, hidden_sizes, layer_norm_eps, patch_size } =
      this.#config;
    const [high, wide = high] = [patch_size].flat();
    if (
      !hasNativeOps() || hidden_act === "silu" || high !== wide ||
      hidden_sizes.some((channels) => channels % CHANNELS !== 0)
    ) return undefined;
    const weights: LayerWeights[] = [];
    for (const layer of this.layers) {
      const own = layer instanceof ConvNextLayer
        ? layer.blockWeights()
        : layer.weights.map((weight) => weight.read());
      if (!own) return undefined;
      weights.push(own);
    }
    // TensorFlow.js copies all values even where they are float32 already.
    const values = pixels.dtype === "float32"
      ? pixels
      : tf.cast(pixels, "float32");
    return fusedBackbone(values, weights, {
      depths,
      epsilon: BLOCK_EPSILON,
      lastEpsilon: layer_norm_eps,
      activation: hidden_act,
    });
  }
}

import * as tf from "@tensorflow/tfjs";
import {
  type BlockWeights,
  depthwiseConvolution,
  fusedBlock,
  gelu,
  layerNorm,
  pointwise,
  recordsGradients,
} from "../backend/mod.ts";
import type { ConvNextConfig } from "./config.ts";
import { globalResponseNorm } from "./global_response_norm.ts";
import { normal } from "./normal.ts";
import { type Prepared, PreparedWeights } from "./prepared_weights.ts";

const ACTIVATIONS: Record<
  ConvNextConfig["hidden_act"],
  (features: tf.Tensor) => tf.Tensor
> = {
  gelu,
  relu: (features) => tf.relu(features),
  silu: (features) => tf.mul(features, tf.sigmoid(features)),
};

/** Added to LayerNorm's variance in blocks. */
export const BLOCK_EPSILON = 1e-6;

interface ConvNextLayerOptions {
  name: string;
  hiddenAct: ConvNextConfig["hidden_act"];
  layerScale: number;
  globalResponseNorm?: boolean;
  initializerRange: number;
  dropPath: number;
}

/**
 * A ConvNeXt block, `ConvNextLayer` in transformers: depthwise 7x7
 * convolution, LayerNorm (epsilon 1e-6), pointwise product to four times the
 * channels, activation, pointwise product back, layer scale, residual. In
 * ConvNeXt V2, `ConvNextV2Layer`, responses are normalized after the activation
 * (GRN) and no layer is scaled.
 * Input and output: [batch, height, width, channels].
 *
 * https://arxiv.org/abs/2201.03545, https://arxiv.org/abs/2301.00808
 */
export class ConvNextLayer extends tf.layers.Layer {
  /** Name under which TensorFlow.js stores the class in a saved model. */
  static readonly className = "ConvNextLayer";
  readonly #options: ConvNextLayerOptions;
  #weights: Record<string, tf.LayerVariable> = {};
  readonly #prepared = new PreparedWeights();

  /**
   * A block without weights yet: `build` creates them.
   *
   * @param options Name, activation, initial layer scale (none if <= 0), …
   */
  constructor(options: ConvNextLayerOptions) {
    super({ name: options.name });
    this.#options = options;
  }

  /** Creates the weights for `inputShape`. */
  override build(inputShape: tf.Shape): void {
    const channels = inputShape.at(-1) ?? 0;
    const kernel = normal(this.#options.initializerRange);
    const zeros = tf.initializers.zeros();
    const add = (name: string, shape: number[], initializer = zeros): void => {
      this.#weights[name] = this.addWeight(name, shape, "float32", initializer);
    };
    add("dwconv.weight", [7, 7, channels, 1], kernel);
    add("dwconv.bias", [channels]);
    add("layernorm.weight", [channels], tf.initializers.ones());
    add("layernorm.bias", [channels]);
    add("pwconv1.weight", [channels, 4 * channels], kernel);
    add("pwconv1.bias", [4 * channels]);
    if (this.#options.globalResponseNorm) {
      add("grn.weight", [1, 1, 1, 4 * channels]);
      add("grn.bias", [1, 1, 1, 4 * channels]);
    }
    add("pwconv2.weight", [4 * channels, channels], kernel);
    add("pwconv2.bias", [channels]);
    if (this.#options.layerScale > 0) {
      add(
        "layer_scale_parameter",
        [channels],
        tf.initializers.constant({ value: this.#options.layerScale }),
      );
    }
    super.build(inputShape);
  }

  /** The block's variables by their Hugging Face names. */
  namedWeights(): Readonly<Record<string, tf.LayerVariable>> {
    return this.#weights;
  }

  /** The output has the input's shape. */
  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  /** Computes the block, [batch, height, width, channels]. */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor {
    const residual =
      (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor4D;
    if (training || recordsGradients()) {
      return tf.tidy(() => this.#train(residual, training));
    }
    return tf.tidy(() => this.#infer(residual));
  }

  /** As it is defined, of differentiable operations. */
  #train(residual: tf.Tensor4D, training: boolean): tf.Tensor {
    const weight = (name: string): tf.Tensor => this.#weights[name]!.read();
    let features = this.#spread(residual);
    features = pointwise(
      features,
      weight("pwconv1.weight") as tf.Tensor2D,
      weight("pwconv1.bias"),
    );
    features = ACTIVATIONS[this.#options.hiddenAct](features) as tf.Tensor2D;
    features = pointwise(
      this.#normalizeResponses(features, residual.shape),
      weight("pwconv2.weight") as tf.Tensor2D,
      weight("pwconv2.bias"),
    );
    if (this.#options.layerScale > 0) {
      features = tf.mul(features, weight("layer_scale_parameter"));
    }
    const branch = tf.reshape(features, residual.shape);
    return tf.add(
      residual,
      training && this.#options.dropPath > 0
        ? dropPath(branch, this.#options.dropPath)
        : branch,
    );
  }

  /** The same with fewer passes over memory: only inference may take it. */
  #infer(residual: tf.Tensor4D): tf.Tensor {
    const { hiddenAct } = this.#options;
    const prepared = this.#prepare();
    const weights = this.blockWeights(prepared);
    return weights && hiddenAct !== "silu"
      ? fusedBlock(residual, weights, {
        epsilon: BLOCK_EPSILON,
        activation: hiddenAct,
      })
      : this.#inSteps(residual, prepared);
  }

  #prepare(): Prepared {
    const { hiddenAct, globalResponseNorm, layerScale } = this.#options;
    const weight = (name: string): tf.Tensor => this.#weights[name]!.read();
    return this.#prepared.of({
      convolutionKernel: weight("dwconv.weight") as tf.Tensor4D,
      spreadKernel: weight("pwconv1.weight") as tf.Tensor2D,
      gatherKernel: weight("pwconv2.weight") as tf.Tensor2D,
      gatherBias: weight("pwconv2.bias"),
      scale: layerScale > 0 ? weight("layer_scale_parameter") : undefined,
    }, hiddenAct !== "silu" && !globalResponseNorm);
  }

  /**
   * The weights with which inference computes the block in one operation;
   * nothing where the backend, or the block, needs several.
   *
   * @internal
   */
  blockWeights(
    { packed, gatherBias }: Prepared = this.#prepare(),
  ): BlockWeights | undefined {
    const weight = (name: string): tf.Tensor => this.#weights[name]!.read();
    return packed && {
      packed,
      convolutionBias: weight("dwconv.bias"),
      normWeight: weight("layernorm.weight"),
      normBias: weight("layernorm.bias"),
      spreadBias: weight("pwconv1.bias"),
      gatherBias,
    };
  }

  /** As one operation for each product and what follows it. */
  #inSteps(
    residual: tf.Tensor4D,
    { gatherKernel, gatherBias }: Prepared,
  ): tf.Tensor {
    const { hiddenAct } = this.#options;
    const weight = (name: string): tf.Tensor => this.#weights[name]!.read();
    let features = pointwise(
      this.#spread(residual),
      weight("pwconv1.weight") as tf.Tensor2D,
      weight("pwconv1.bias"),
      hiddenAct === "silu" ? {} : { activation: hiddenAct },
    );
    if (hiddenAct === "silu") {
      features = ACTIVATIONS.silu(features) as tf.Tensor2D;
    }
    features = pointwise(
      this.#normalizeResponses(features, residual.shape),
      gatherKernel,
      gatherBias,
      { residual: tf.reshape(residual, [-1, residual.shape[3]]) },
    );
    return tf.reshape(features, residual.shape);
  }

  /** Depthwise convolution and LayerNorm, a row for each pixel. */
  #spread(residual: tf.Tensor4D): tf.Tensor2D {
    const weight = (name: string): tf.Tensor => this.#weights[name]!.read();
    const features = layerNorm(
      this.#convolve(residual),
      weight("layernorm.weight"),
      weight("layernorm.bias"),
      BLOCK_EPSILON,
    );
    return tf.reshape(features, [-1, residual.shape[3]]);
  }

  #convolve(residual: tf.Tensor4D): tf.Tensor4D {
    return depthwiseConvolution(
      residual,
      this.#weights["dwconv.weight"]!.read() as tf.Tensor4D,
      this.#weights["dwconv.bias"]!.read() as tf.Tensor1D,
    );
  }

  /** Global response normalization where the block has it. */
  #normalizeResponses(
    features: tf.Tensor2D,
    [batch, height, width, channels]: tf.Tensor4D["shape"],
  ): tf.Tensor2D {
    if (!this.#options.globalResponseNorm) return features;
    const normalized = globalResponseNorm(
      tf.reshape(features, [batch, height, width, 4 * channels]),
      this.#weights["grn.weight"]!.read(),
      this.#weights["grn.bias"]!.read(),
    );
    return tf.reshape(normalized, [-1, 4 * channels]);
  }

  /** Releases the weights when no model has the layer any more. */
  override dispose(): ReturnType<tf.layers.Layer["dispose"]> {
    const result = super.dispose();
    if (result.refCountAfterDispose === 0) this.#prepared.dispose();
    return result;
  }

  /** What a saved model keeps of the layer. */
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.#options };
  }
}
tf.serialization.registerClass(ConvNextLayer);

/** Stochastic depth per sample: https://arxiv.org/abs/1603.09382 */
function dropPath(features: tf.Tensor, rate: number): tf.Tensor {
  const keep = tf.randomUniform([features.shape[0] ?? 1, 1, 1, 1]);
  const mask = tf.cast(tf.greaterEqual(keep, rate), "float32");
  return tf.mul(tf.div(features, 1 - rate), mask);
}

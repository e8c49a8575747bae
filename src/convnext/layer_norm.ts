import * as tf from "@tensorflow/tfjs";
import { layerNorm } from "../backend/mod.ts";

/** What makes a {@linkcode ConvNextLayerNorm}. */
export interface LayerNormOptions {
  /** The layer's name. */
  name: string;
  /** Added to the variance. */
  epsilon: number;
}

/**
 * LayerNorm over the last axis (channels), with Hugging Face's weight names
 * `weight` and `bias`, both [channels].
 */
export class ConvNextLayerNorm extends tf.layers.Layer {
  /** Name under which TensorFlow.js stores the class in a saved model. */
  static readonly className = "ConvNextLayerNorm";
  readonly #epsilon: number;
  #weight!: tf.LayerVariable;
  #bias!: tf.LayerVariable;

  /**
   * A layer without weights yet: `build` creates them.
   *
   * @param options The layer's name, and epsilon added to the variance.
   */
  constructor(options: LayerNormOptions) {
    super({ name: options.name });
    this.#epsilon = options.epsilon;
  }

  /** Creates the weights for `inputShape`. */
  override build(inputShape: tf.Shape): void {
    const channels = [inputShape.at(-1) ?? 0];
    const dtype = "float32";
    this.#weight = this.addWeight(
      "weight",
      channels,
      dtype,
      tf.initializers.ones(),
    );
    this.#bias = this.addWeight(
      "bias",
      channels,
      dtype,
      tf.initializers.zeros(),
    );
    super.build(inputShape);
  }

  /** The output has the input's shape. */
  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  /** Normalises features [..., channels]. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const features = Array.isArray(inputs) ? inputs[0]! : inputs;
    return layerNorm(
      features,
      this.#weight.read(),
      this.#bias.read(),
      this.#epsilon,
    );
  }

  /** What a saved model keeps of the layer. */
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), epsilon: this.#epsilon };
  }
}
tf.serialization.registerClass(ConvNextLayerNorm);

import type * as tf from "@tensorflow/tfjs";

/** The kernels of a block of ConvNeXt. */
export interface BlockKernels {
  /** Depthwise, [7, 7, channels, 1]. */
  convolution: tf.Tensor;
  /** The first product's, [channels, hidden]. */
  spread: tf.Tensor;
  /** The second product's, [hidden, channels]. */
  gather: tf.Tensor;
}

/** The weights of a block of ConvNeXt. */
export interface BlockWeights {
  /** As {@linkcode packBlock} gives them. */
  packed: BlockKernels;
  /** The convolution's, [channels]. */
  convolutionBias: tf.Tensor;
  /** LayerNorm's, [channels]. */
  normWeight: tf.Tensor;
  /** LayerNorm's, [channels]. */
  normBias: tf.Tensor;
  /** The first product's, [hidden]. */
  spreadBias: tf.Tensor;
  /** The second product's, [channels]. */
  gatherBias: tf.Tensor;
}

/** What a block has besides weights. */
export interface BlockOptions {
  /** Added to LayerNorm's variance. */
  epsilon: number;
  /** The function between the products. */
  activation: "gelu" | "relu";
}

import * as tf from "@tensorflow/tfjs";
import { wasmBlock, wasmPackBlock } from "./wasm/block.ts";
import { nativeBlock, nativePackBlock } from "./native_fused.ts";

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

/**
 * Puts a block's kernels in the order in which {@linkcode fusedBlock} reads
 * them.
 *
 * @param kernels float32.
 * @returns New tensors; nothing where the backend has no fused block: only
 * TensorFlow's library on x86 processors has, and wasm for widths that are
 * multiples of 8.
 */
export function packBlock(kernels: BlockKernels): BlockKernels | undefined {
  return nativePackBlock(kernels) ?? wasmPackBlock(kernels);
}

/**
 * Depthwise convolution, LayerNorm, product, activation, product and residual,
 * for inference: no gradient flows through it.
 *
 * @param features [batch, height, width, channels], float32.
 * @param weights With packed kernels.
 * @param options LayerNorm's epsilon, and the function between the products.
 * @returns The shape of `features`.
 * @throws {BackendError} When the weights' shapes do not fit.
 */
export function fusedBlock(
  features: tf.Tensor4D,
  weights: BlockWeights,
  options: BlockOptions,
): tf.Tensor4D {
  return tf.tidy(() =>
    tf.getBackend() === "wasm"
      ? wasmBlock(features, weights, options)
      : nativeBlock(features, weights, options) as tf.Tensor4D
  );
}

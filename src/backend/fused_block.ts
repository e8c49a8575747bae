import * as tf from "@tensorflow/tfjs";
import type {
  BlockKernels,
  BlockOptions,
  BlockWeights,
} from "./block_weights.ts";
import { wasmBlock, wasmPackBlock } from "./wasm/block.ts";
import { nativeBlock, nativePackBlock } from "./native_fused.ts";

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

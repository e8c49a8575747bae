import * as tf from "@tensorflow/tfjs";
import { nativeBlock, nativePack } from "./native_fused.ts";

/** What follows the depthwise convolution in a block of ConvNeXt. */
export interface BlockWeights {
  /** LayerNorm's, [channels]. */
  normWeight: tf.Tensor;
  /** LayerNorm's, [channels]. */
  normBias: tf.Tensor;
  /** The first product's kernel, [channels, hidden], packed. */
  spreadPacked: tf.Tensor;
  /** Its bias, [hidden]. */
  spreadBias: tf.Tensor;
  /** The second product's kernel, [hidden, channels], packed. */
  gatherPacked: tf.Tensor;
  /** Its bias, [channels]. */
  gatherBias: tf.Tensor;
}

/**
 * Puts a product's kernel in the order in which {@linkcode fusedBlock} reads
 * it.
 *
 * @param kernel [in, out], float32.
 * @returns Nothing where the backend has no fused block: only TensorFlow's
 * library on x86 processors has.
 */
export function packKernel(kernel: tf.Tensor2D): tf.Tensor | undefined {
  return nativePack(kernel);
}

/**
 * LayerNorm, product, activation, product and residual in one operation, for
 * inference: no gradient flows through it.
 *
 * @param features [..., channels], float32.
 * @param residual The same shape.
 * @param weights With kernels that {@linkcode packKernel} has packed.
 * @param options LayerNorm's epsilon, and the function between the products.
 * @returns The shape of `features`.
 * @throws {BackendError} When the weights' shapes do not fit.
 */
export function fusedBlock<T extends tf.Tensor>(
  features: T,
  residual: T,
  weights: BlockWeights,
  options: { epsilon: number; activation: "gelu" | "relu" },
): T {
  return tf.tidy(() => nativeBlock(features, residual, weights, options) as T);
}

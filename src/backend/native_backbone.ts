import type * as tf from "@tensorflow/tfjs";
import type { BlockOptions, BlockWeights } from "./block_weights.ts";
import { hasNativeOp } from "./has_native_op.ts";
import { blockInputs } from "./native_fused.ts";
import { nativeOp } from "./native.ts";

/** What a backbone has besides weights. */
export interface BackboneOptions extends BlockOptions {
  /** Blocks of each stage. */
  depths: readonly number[];
  /** Added to the variance of the pooled features. */
  lastEpsilon: number;
}

/** A block's weights, or another layer's: kernel or weight, and bias. */
export type LayerWeights = BlockWeights | tf.Tensor[];

/**
 * A whole ConvNeXt but its head in one operation, for inference: no gradient
 * flows through it.
 *
 * @param pixels [batch, height, width, channels], float32.
 * @param layers In their order. Convolutions' kernels are [side, side, in, out]
 * with `out` a multiple of 32 and `side` the stride.
 * @param options Depths, epsilons, the activation.
 * @returns Pooled features [batch, channels]; nothing where the backend has no
 * such operation: only TensorFlow's library on x86 processors has.
 */
export function fusedBackbone(
  pixels: tf.Tensor4D,
  layers: readonly LayerWeights[],
  { depths, epsilon, lastEpsilon, activation }: BackboneOptions,
): tf.Tensor2D | undefined {
  const weights = layers.flatMap((layer) =>
    Array.isArray(layer) ? layer : blockInputs(layer)
  );
  const run = (): tf.Tensor =>
    nativeOp("ConvNextFusionBackbone", [pixels, ...weights], {
      N: { int: weights.length },
      depths: { int: [...depths] },
      epsilon: { float: epsilon },
      last_epsilon: { float: lastEpsilon },
      activation: { string: activation },
    })[0]!;
  return hasNativeOp("backbone", run) ? run() as tf.Tensor2D : undefined;
}

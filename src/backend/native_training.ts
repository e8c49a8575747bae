import type * as tf from "@tensorflow/tfjs";
import { hasNativeOp } from "./has_native_op.ts";
import { nativeOp } from "./native.ts";

/** A ConvNeXt block's weights, as its training takes them. */
export interface TrainedWeights {
  /** The depthwise convolution's, [7, 7, channels, 1]. */
  filter: tf.Tensor;
  /** Its bias, [channels]. */
  filterBias: tf.Tensor;
  /** LayerNorm's, [channels]. */
  normWeight: tf.Tensor;
  /** LayerNorm's, [channels]. */
  normBias: tf.Tensor;
  /** The first product's, [channels, hidden]. */
  kernel1: tf.Tensor;
  /** Its bias, [hidden]. */
  bias1: tf.Tensor;
  /** The second product's, [hidden, channels]. */
  kernel2: tf.Tensor;
  /** Its bias, [channels]. */
  bias2: tf.Tensor;
  /** The layer scale, [channels]. */
  layerScale: tf.Tensor;
}

/** A block's output, and what its gradient needs. */
export interface NormalizedBlock {
  /** [batch, height, width, channels]. */
  value: tf.Tensor;
  /** LayerNorm's values before its weights, [rows, channels]. */
  normal: tf.Tensor;
  /** What each row was multiplied by, [rows, 1]. */
  inverse: tf.Tensor;
  /** GELU's argument, over the square root of 2, [rows, hidden]. */
  argument: tf.Tensor;
}

/** Gradients of a block's input and weights. */
export type BlockGradients = TrainedWeights & {
  /** [batch, height, width, channels]. */
  features: tf.Tensor;
};

/**
 * Channels up to which our products are as quick as oneDNN's: their weights
 * lie in the second cache.
 */
const MOST_CHANNELS = 256;

/**
 * A ConvNeXt block with exact GELU, in two operations.
 *
 * @param features Its input, [batch, height, width, channels].
 * @returns Nothing where the backend cannot: only TensorFlow's library on x86
 * processors can, with channels that are a multiple of 16.
 */
export function trainingBlockForward(
  features: tf.Tensor4D,
  weights: TrainedWeights,
  epsilon: number,
): NormalizedBlock | undefined {
  const [height, width, channels] = weights.filter.shape;
  if (
    height !== 7 || width !== 7 || channels! > MOST_CHANNELS ||
    channels! % 16 !== 0 || weights.bias1.size % 16 !== 0
  ) return undefined;
  const run = (): tf.Tensor[] => {
    const [mixed] = nativeOp("ConvNextFusionDepthwise", [
      features,
      weights.filter,
    ]);
    const result = nativeOp(
      "ConvNextFusionTrainForward",
      [
        features,
        mixed!,
        weights.filterBias,
        weights.normWeight,
        weights.normBias,
        weights.kernel1,
        weights.bias1,
        weights.kernel2,
        weights.bias2,
        weights.layerScale,
      ],
      { epsilon: { float: epsilon } },
      4,
    );
    mixed!.dispose();
    return result;
  };
  const works = hasNativeOp("training", run);
  if (!works) return undefined;
  const [value, normal, inverse, argument] = run();
  return {
    value: value!,
    normal: normal!,
    inverse: inverse!,
    argument: argument!,
  };
}

/**
 * The gradient of {@linkcode trainingBlockForward}.
 *
 * @param dy Gradient of the value.
 * @param block What the block had computed.
 */
export function trainingBlockBackward(
  dy: tf.Tensor,
  features: tf.Tensor4D,
  { normal, inverse, argument }: Omit<NormalizedBlock, "value">,
  weights: TrainedWeights,
): BlockGradients {
  const [
    mixed,
    filterBias,
    normWeight,
    normBias,
    kernel1,
    bias1,
    kernel2,
    bias2,
    layerScale,
  ] = nativeOp(
    "ConvNextFusionTrainBackward",
    [
      dy,
      normal,
      inverse,
      argument,
      weights.normWeight,
      weights.normBias,
      weights.kernel1,
      weights.kernel2,
      weights.bias2,
      weights.layerScale,
    ],
    {},
    9,
  );
  const [dFeatures, filter] = nativeOp(
    "ConvNextFusionDepthwiseGradient",
    [features, mixed!, weights.filter, dy],
    {},
    2,
  );
  mixed!.dispose();
  return {
    features: dFeatures!,
    filter: filter!,
    filterBias: filterBias!,
    normWeight: normWeight!,
    normBias: normBias!,
    kernel1: kernel1!,
    bias1: bias1!,
    kernel2: kernel2!,
    bias2: bias2!,
    layerScale: layerScale!,
  };
}

import * as tf from "@tensorflow/tfjs";
import type {
  BlockKernels,
  BlockOptions,
  BlockWeights,
} from "./block_weights.ts";
import { type NativeAttributes, nativeOp } from "./native.ts";
import { hasNativeOp } from "./has_native_op.ts";

/** What a fused operation of TensorFlow's library does after its product. */
type Fusion = "BiasAdd" | "BiasAdd,GeluExact" | "BiasAdd,Relu" | "BiasAdd,Add";

// oneDNN's own kernels, which TensorFlow otherwise reaches by rewriting graphs.
const ONEDNN: NativeAttributes = {
  T: { type: "float32" },
  _kernel: { string: "MklNameChangeOp" },
};

/** [rows, in] times [in, out] plus [out], then GELU, ReLU or [rows, out]. */
export function nativePointwise(
  features: tf.Tensor2D,
  kernel: tf.Tensor2D,
  bias: tf.Tensor,
  { activation, residual }: {
    activation?: "gelu" | "relu";
    residual?: tf.Tensor2D;
  },
): tf.Tensor2D | undefined {
  const fusion: Fusion = residual
    ? "BiasAdd,Add"
    : activation === "gelu"
    ? "BiasAdd,GeluExact"
    : activation === "relu"
    ? "BiasAdd,Relu"
    : "BiasAdd";
  const run = (): tf.Tensor =>
    nativeOp("_MklNativeFusedMatMul", [
      features,
      kernel,
      bias,
      ...(residual ? [residual] : []),
    ], {
      ...ONEDNN,
      num_args: { int: residual ? 2 : 1 },
      fused_ops: { string: fusion },
      // A kernel is shared by all layers of one shape: it must keep nothing.
      is_weight_const: { bool: false },
    })[0]!;
  return hasNativeOp(fusion, run) ? run() as tf.Tensor2D : undefined;
}

/** A depthwise convolution of stride 1, padded to the same size, and a bias. */
export function nativeDepthwise(
  features: tf.Tensor4D,
  kernel: tf.Tensor4D,
  bias: tf.Tensor,
): tf.Tensor4D | undefined {
  const run = (): tf.Tensor =>
    nativeOp("_MklNativeFusedDepthwiseConv2dNative", [features, kernel, bias], {
      ...ONEDNN,
      num_args: { int: 1 },
      fused_ops: { string: "BiasAdd" },
      strides: { int: [1, 1, 1, 1] },
      padding: { string: "SAME" },
      data_format: { string: "NHWC" },
      dilations: { int: [1, 1, 1, 1] },
    })[0]!;
  return hasNativeOp("depthwise", run) ? run() as tf.Tensor4D : undefined;
}

/** LayerNorm, by the operation that the set-up compiles. */
export function nativeLayerNorm(
  features: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor | undefined {
  const run = (): tf.Tensor =>
    nativeOp("ConvNextFusionLayerNorm", [features, weight, bias], {
      epsilon: { float: epsilon },
    })[0]!;
  return hasNativeOp("layerNorm", run) ? run() : undefined;
}

/** Kernels as {@linkcode nativeBlock} takes them, where that can run. */
export function nativePackBlock(
  { convolution, spread, gather }: BlockKernels,
): BlockKernels | undefined {
  const pack = (kernel: tf.Tensor): tf.Tensor =>
    nativeOp("ConvNextFusionPackPanels", [kernel])[0]!;
  return hasNativeOp("packPanels", () => pack(spread))
    ? {
      convolution: tf.tidy(() =>
        pack(tf.reshape(convolution, [-1, convolution.shape[2]!]))
      ),
      spread: pack(spread),
      gather: pack(gather),
    }
    : undefined;
}

/** A block's weights as our operations take them. */
export function blockInputs(weights: BlockWeights): tf.Tensor[] {
  return [
    weights.packed.convolution,
    weights.convolutionBias,
    weights.normWeight,
    weights.normBias,
    weights.packed.spread,
    weights.spreadBias,
    weights.packed.gather,
    weights.gatherBias,
  ];
}

/** A block of ConvNeXt. */
export function nativeBlock(
  features: tf.Tensor,
  weights: BlockWeights,
  { epsilon, activation }: BlockOptions,
): tf.Tensor {
  return nativeOp("ConvNextFusionLayer", [features, ...blockInputs(weights)], {
    epsilon: { float: epsilon },
    activation: { string: activation },
  })[0]!;
}

import * as tf from "@tensorflow/tfjs";
import { hasNativeOp } from "./has_native_op.ts";
import { nativeOp } from "./native.ts";

type Convolution = tf.NamedTensorInfoMap & {
  x: tf.TensorInfo;
  filter: tf.TensorInfo;
  bias?: tf.TensorInfo;
};

/** A convolution of patches that do not overlap; nothing if it is another. */
function patchConvolution(
  { x, filter, bias }: Convolution,
  { strides, pad, dilations, activation, dimRoundingMode }: tf.FusedConv2DAttrs,
): tf.TensorInfo | undefined {
  const [high, wide, , out] = filter.shape;
  const fits = bias?.shape.length === 1 && bias.shape[0] === out &&
    out! % 32 === 0 && high === wide &&
    [strides].flat().every((step) => step === high) &&
    [dilations].flat().every((step) => step === 1) &&
    pad === "valid" && activation === "linear" && !dimRoundingMode;
  if (!fits) return undefined;
  const run = (): tf.Tensor =>
    nativeOp(
      "ConvNextFusionPatchProduct",
      [x, filter, bias] as tf.Tensor[],
    )[0]!;
  return hasNativeOp("patchProduct", run) ? run() : undefined;
}

/**
 * Lets TensorFlow's backend compute convolutions of patches that do not overlap
 * (ConvNeXt's stem and downsampling) by an operation that the set-up compiles:
 * TensorFlow's own puts the kernel in another order each time. Where it is not
 * there, and for other convolutions, TensorFlow.js's kernel stays.
 */
export function registerPatchConvolution(): void {
  const name = { kernelName: tf.FusedConv2D, backendName: "tensorflow" };
  const other = tf.getKernel(name.kernelName, name.backendName);
  tf.unregisterKernel(name.kernelName, name.backendName);
  tf.registerKernel({
    ...other,
    kernelFunc: (call) =>
      patchConvolution(
        call.inputs as Convolution,
        call.attrs as unknown as tf.FusedConv2DAttrs,
      ) ?? other.kernelFunc(call),
  });
}

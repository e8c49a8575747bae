import type * as tf from "@tensorflow/tfjs";
import { hasNativeOp } from "./has_native_op.ts";
import { nativeOp } from "./native.ts";

/**
 * A convolution whose patches do not overlap, for training.
 *
 * @param image [batch, height, width, channels].
 * @param kernel [side, side, channels, out]; the side is the stride.
 * @param bias [out].
 * @returns Nothing where the backend has no such operation: only TensorFlow's
 * library on x86 processors has, for whole patches and multiples of 16.
 */
export function trainingPatches(
  image: tf.Tensor4D,
  kernel: tf.Tensor4D,
  bias: tf.Tensor,
): tf.Tensor4D | undefined {
  const [side, across, channels, out] = kernel.shape;
  const [, height, width] = image.shape;
  if (
    side !== across || height % side !== 0 || width % side !== 0 ||
    out % 16 !== 0 || out > 512 || side * side * channels > 2048
  ) return undefined;
  const run = (): tf.Tensor =>
    nativeOp("ConvNextFusionPatches", [image, kernel, bias])[0]!;
  return hasNativeOp("patches", run) ? run() as tf.Tensor4D : undefined;
}

/**
 * The gradient of {@linkcode trainingPatches}.
 *
 * @param ofImage Whether that of the image is wanted: then a patch must have a
 * multiple of 16 values.
 * @returns Those of kernel, bias and image, as far as they are wanted.
 */
export function trainingPatchesGradient(
  dy: tf.Tensor,
  image: tf.Tensor,
  kernel: tf.Tensor,
  ofImage: boolean,
): tf.Tensor[] {
  const [dKernel, dBias, dImage] = nativeOp(
    "ConvNextFusionPatchesGradient",
    [dy, image, kernel],
    { wants_image: { bool: ofImage } },
    3,
  );
  if (ofImage) return [dKernel!, dBias!, dImage!];
  dImage!.dispose();
  return [dKernel!, dBias!];
}

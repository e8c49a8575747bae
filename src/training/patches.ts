import * as tf from "@tensorflow/tfjs";
import { trainingPatches, trainingPatchesGradient } from "../backend/mod.ts";

/**
 * The stem or a downsampling convolution, with its gradient, in one operation
 * each.
 *
 * @param layer A convolution whose stride is its kernel's size.
 * @param features [batch, height, width, channels]; differentiable unless they
 * are pixels.
 * @param pixels Whether they are: no gradient is computed for them.
 * @returns Nothing where the backend has no such operation.
 */
export function trainingPatchLayer(
  layer: tf.layers.Layer,
  features: tf.Tensor4D,
  pixels: boolean,
): tf.Tensor | undefined {
  const [kernel, bias] = layer.weights.map((variable) => variable.read());
  const [side, , channels] = kernel!.shape as [number, number, number];
  if (!bias || !pixels && side * side * channels % 16 !== 0) return undefined;
  const value = trainingPatches(features, kernel as tf.Tensor4D, bias);
  if (!value) return undefined;
  const gradient = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
    trainingPatchesGradient(dy, saved[0]!, saved[1]!, !pixels);
  const convolution = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    save([features, kernel!]);
    return { value, gradFunc: gradient };
  });
  return pixels
    ? convolution(kernel!, bias)
    : convolution(kernel!, bias, features);
}

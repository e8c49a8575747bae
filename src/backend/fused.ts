import * as tf from "@tensorflow/tfjs";
import { gelu } from "./gelu.ts";
import { nativeDepthwise, nativePointwise } from "./native_fused.ts";
import { recordsGradients } from "./records_gradients.ts";
import { addInPlace, geluInPlace } from "./wasm/kernels.ts";

/** What follows a product in {@linkcode pointwise}. */
export interface PointwiseOptions {
  /** A function of each value. @default none */
  activation?: "gelu" | "relu";
  /** [rows, out], added at the end; without an activation only. */
  residual?: tf.Tensor2D;
}

/**
 * A pointwise layer for inference, in as few passes over memory as the backend
 * can: [rows, in] times [in, out], bias, then activation or residual. Where
 * gradients are recorded it is made of differentiable operations.
 *
 * @param features [rows, in], float32.
 * @param kernel [in, out].
 * @param bias [out].
 * @param options What follows the product.
 * @returns [rows, out].
 */
export function pointwise(
  features: tf.Tensor2D,
  kernel: tf.Tensor2D,
  bias: tf.Tensor,
  options: PointwiseOptions = {},
): tf.Tensor2D {
  return tf.tidy(() => {
    const differentiable = recordsGradients();
    const fused = differentiable
      ? undefined
      : nativePointwise(features, kernel, bias, options);
    if (fused) return fused;
    const { activation, residual } = options;
    const product = tf.fused.matMul({
      a: features,
      b: kernel,
      bias,
      ...(activation === "relu" ? { activation } : {}),
    }) as tf.Tensor2D;
    if (residual) {
      return !differentiable && addInPlace(product, residual)
        ? product
        : tf.add(residual, product);
    }
    if (activation !== "gelu") return product;
    return !differentiable && geluInPlace(product) ? product : gelu(product);
  });
}

/**
 * A depthwise convolution of stride 1, padded with zeros to the input's size,
 * plus a bias; differentiable where gradients are recorded.
 *
 * @param features [batch, height, width, channels], float32.
 * @param kernel [height, width, channels, 1].
 * @param bias [channels].
 * @returns The shape of `features`.
 */
export function depthwiseConvolution(
  features: tf.Tensor4D,
  kernel: tf.Tensor4D,
  bias: tf.Tensor1D,
): tf.Tensor4D {
  return tf.tidy(() => {
    if (recordsGradients()) {
      return tf.add(tf.depthwiseConv2d(features, kernel, 1, "same"), bias);
    }
    return nativeDepthwise(features, kernel, bias) ??
      tf.fused.depthwiseConv2d({
        x: features,
        filter: kernel,
        strides: 1,
        pad: "same",
        bias,
      });
  });
}

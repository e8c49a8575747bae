import * as tf from "@tensorflow/tfjs";
import { gelu, layerNorm } from "../backend/mod.ts";
import type { ConvNextLayer } from "./convnext_layer.ts";
import { globalResponseNorm } from "./global_response_norm.ts";

/** One of a block's two products: rows [rows, in] to [rows, out]. */
export type BlockProduct = (
  name: "pwconv1" | "pwconv2",
  rows: tf.Tensor2D,
) => tf.Tensor2D;

/**
 * Computes a block as `ConvNextLayer.call` does, with products of another's
 * making.
 *
 * @param residual [batch, height, width, channels].
 */
export function applyBlock(
  layer: ConvNextLayer,
  residual: tf.Tensor4D,
  product: BlockProduct,
): tf.Tensor {
  const weights = layer.namedWeights();
  const weight = (name: string): tf.Tensor => weights[name]!.read();
  const [batch, height, width, channels] = residual.shape;
  const mixed = tf.depthwiseConv2d(
    residual,
    weight("dwconv.weight") as tf.Tensor4D,
    1,
    "same",
  );
  const normalized = layerNorm(
    tf.add(mixed, weight("dwconv.bias")),
    weight("layernorm.weight"),
    weight("layernorm.bias"),
    1e-6,
  );
  const wide = product(
    "pwconv1",
    tf.reshape(normalized, [batch * height * width, channels]),
  );
  let active = activation(layer)(wide) as tf.Tensor2D;
  if (weights["grn.weight"]) {
    active = tf.reshape(
      globalResponseNorm(
        tf.reshape(active, [batch, height, width, 4 * channels]),
        weight("grn.weight"),
        weight("grn.bias"),
      ),
      active.shape,
    );
  }
  let output: tf.Tensor = product("pwconv2", active);
  if (weights["layer_scale_parameter"]) {
    output = tf.mul(output, weight("layer_scale_parameter"));
  }
  return tf.add(residual, tf.reshape(output, residual.shape));
}

function activation(layer: ConvNextLayer): (features: tf.Tensor) => tf.Tensor {
  switch (layer.getConfig()["hiddenAct"]) {
    case "relu":
      return tf.relu;
    case "silu":
      return (features) => tf.mul(features, tf.sigmoid(features));
    default:
      return gelu;
  }
}

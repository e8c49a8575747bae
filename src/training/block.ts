import * as tf from "@tensorflow/tfjs";
import type { ConvNextLayer } from "../convnext/mod.ts";
import {
  type TrainedWeights,
  trainingBlockBackward,
  trainingBlockForward,
} from "../backend/mod.ts";
import {
  columnSums,
  normalizeRows,
  normalizeRowsGradient,
} from "./layer_norm.ts";

/** GELU's argument is its erf's, divided by this. */
const ROOT = Math.SQRT1_2;
/** Logarithm of 2 / sqrt(pi), which the derivative of erf begins with. */
const LOG_SLOPE = Math.log(2 / Math.sqrt(Math.PI));
const EPSILON = 1e-6;

/** A block's weights, in the order in which {@linkcode block} takes them. */
const WEIGHTS = [
  "dwconv.weight",
  "dwconv.bias",
  "layernorm.weight",
  "layernorm.bias",
  "pwconv1.weight",
  "pwconv1.bias",
  "pwconv2.weight",
  "pwconv2.bias",
  "layer_scale_parameter",
] as const;

/** Whether {@linkcode trainingBlock} computes what a block does. */
export function hasTrainingBlock(layer: ConvNextLayer): boolean {
  const config = layer.getConfig();
  const weights = layer.namedWeights();
  return config["hiddenAct"] === "gelu" && config["dropPath"] === 0 &&
    WEIGHTS.every((name) => weights[name] !== undefined) &&
    Object.keys(weights).length === WEIGHTS.length;
}

/**
 * A ConvNeXt block with its gradient, in a third of the passes over memory
 * that deriving it operation by operation takes. LayerNorm's weights, GELU's
 * scale and the layer scale are multiplied into the two products' kernels,
 * which are small: with `u` the scaled argument, GELU is `u (1 + erf u)`.
 *
 * @param features [batch, height, width, channels]; differentiable.
 */
export function trainingBlock(
  layer: ConvNextLayer,
  features: tf.Tensor4D,
): tf.Tensor4D {
  const weights = layer.namedWeights();
  const values = WEIGHTS.map((name) => weights[name]!.read());
  return block(features, ...values) as tf.Tensor4D;
}

const block = tf.customGrad((...args) => {
  const inputs = args.slice(0, -1) as tf.Tensor[];
  const save = args.at(-1) as unknown as tf.GradSaveFunc;
  const [x, filter, filterBias, scale, shift, kernel1, bias1, kernel2, bias2] =
    inputs as [tf.Tensor4D, tf.Tensor4D, ...tf.Tensor[]];
  const gamma = inputs[9]!;
  const channels = x.shape[3];

  const native = trainingBlockForward(
    x,
    trainedWeights(inputs),
    EPSILON,
  );
  if (native) {
    const { value, normal, inverse, argument } = native;
    save([...inputs, normal, inverse, argument]);
    return { value, gradFunc: nativeGradients };
  }
  const mixed = tf.add(tf.depthwiseConv2d(x, filter, 1, "same"), filterBias!);
  const rows = tf.reshape(mixed, [-1, channels]);
  const { normal, inverse } = normalizeRows(rows, EPSILON);

  const first = tf.mul(kernel1!, column(tf.mul(scale!, ROOT))) as tf.Tensor2D;
  // Products with vectors are sums of products: see columnSums about wasm.
  const firstBias = tf.mul(
    tf.add(bias1!, tf.sum(tf.mul(column(shift!), kernel1!), 0)),
    ROOT,
  );
  const argument = tf.fused.matMul({ a: normal, b: first, bias: firstBias });
  const gate = tf.add(tf.erf(argument), 1);
  const active = tf.mul(argument, gate) as tf.Tensor2D;
  const second = tf.mul(kernel2!, tf.mul(gamma, 0.5 / ROOT)) as tf.Tensor2D;
  const branch = tf.fused.matMul({
    a: active,
    b: second,
    bias: tf.mul(bias2!, gamma),
  });
  save([...inputs, inverse, normal, first, argument, gate, active, second]);
  return {
    value: tf.add(x, tf.reshape(branch, x.shape)),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradients(dy, saved),
  };
});

/** A block's inputs, of which the first is not a weight, by their names. */
function trainedWeights(inputs: tf.Tensor[]): TrainedWeights {
  return {
    filter: inputs[1]!,
    filterBias: inputs[2]!,
    normWeight: inputs[3]!,
    normBias: inputs[4]!,
    kernel1: inputs[5]!,
    bias1: inputs[6]!,
    kernel2: inputs[7]!,
    bias2: inputs[8]!,
    layerScale: inputs[9]!,
  };
}

/** {@linkcode gradients}, by operations of the backend's. */
function nativeGradients(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [normal, inverse, argument] = saved.slice(10) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const found = trainingBlockBackward(
    dy,
    saved[0] as tf.Tensor4D,
    { normal, inverse, argument },
    trainedWeights(saved),
  );
  return [
    found.features,
    found.filter,
    found.filterBias,
    found.normWeight,
    found.normBias,
    found.kernel1,
    found.bias1,
    found.kernel2,
    found.bias2,
    found.layerScale,
  ];
}

function gradients(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [x, filter, , scale, shift, kernel1, , kernel2, bias2, gamma] =
    saved as [tf.Tensor4D, tf.Tensor4D, ...tf.Tensor[]];
  const [inverse, normal, first, argument, gate, active, second] = saved
    .slice(10) as [tf.Tensor, ...tf.Tensor[]];
  const channels = x.shape[3];
  const out = tf.reshape(dy, [-1, channels]) as tf.Tensor2D;

  const dSecond = times(active!, out, true);
  const dSecondBias = columnSums(out);
  const dGamma = tf.add(
    tf.mul(tf.sum(tf.mul(kernel2!, dSecond), 0), 0.5 / ROOT),
    tf.mul(bias2!, dSecondBias),
  );
  const dKernel2 = tf.mul(dSecond, tf.mul(gamma!, 0.5 / ROOT));
  const dBias2 = tf.mul(dSecondBias, gamma!);

  // The derivative of u (1 + erf u).
  const bell = tf.exp(tf.sub(LOG_SLOPE, tf.square(argument!)));
  const slope = tf.add(gate!, tf.mul(argument!, bell));
  const dArgument = tf.mul(times(out, second!, false, true), slope);

  const dFirst = times(normal!, dArgument, true);
  const dBias1 = tf.mul(columnSums(dArgument), ROOT);
  const dKernel1 = tf.add(
    tf.mul(dFirst, column(tf.mul(scale!, ROOT))),
    tf.mul(column(shift!), row(dBias1)),
  );
  const dScale = tf.mul(tf.sum(tf.mul(kernel1!, dFirst), 1), ROOT);
  const dShift = tf.sum(tf.mul(kernel1!, row(dBias1)), 1);

  const dNormal = times(dArgument, first!, false, true);
  const dRows = normalizeRowsGradient(dNormal, {
    normal: normal as tf.Tensor2D,
    inverse: inverse!,
  });

  const dMixed = tf.reshape(dRows, x.shape);
  const attributes = {
    strides: 1,
    pad: "same",
    dilations: [1, 1],
    dimRoundingMode: undefined,
  };
  const dFilter = tf.engine().runKernel(
    "DepthwiseConv2dNativeBackpropFilter",
    { x, dy: dMixed },
    {
      ...attributes,
      filterShape: filter.shape,
    } as unknown as tf.NamedAttrMap,
  ) as tf.Tensor;
  const dInput = tf.engine().runKernel(
    "DepthwiseConv2dNativeBackpropInput",
    { dy: dMixed, filter },
    { ...attributes, inputShape: x.shape } as unknown as tf.NamedAttrMap,
  ) as tf.Tensor;
  return [
    tf.add(dy, dInput),
    dFilter,
    columnSums(dRows),
    dScale,
    dShift,
    dKernel1,
    dBias1,
    dKernel2,
    dBias2,
    dGamma,
  ];
}

function column(vector: tf.Tensor): tf.Tensor2D {
  return tf.reshape(vector, [vector.size, 1]);
}

function row(vector: tf.Tensor): tf.Tensor2D {
  return tf.reshape(vector, [1, vector.size]);
}

function times(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA = false,
  transposeB = false,
): tf.Tensor {
  return tf.matMul(a, b, transposeA, transposeB);
}

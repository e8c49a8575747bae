import * as tf from "@tensorflow/tfjs";

/** A convolution's attributes, as TensorFlow.js' gradients pass them. */
interface ConvolutionAttributes {
  strides: number | [number, number];
  pad: "valid" | "same" | number;
  dilations?: number | [number, number];
  dataFormat?: string;
  dimRoundingMode?: "floor" | "round" | "ceil";
  filterShape?: [number, number, number, number];
  inputShape?: [number, number, number, number];
}

type Kernel = (
  x: tf.Tensor4D,
  y: tf.Tensor4D,
  attributes: ConvolutionAttributes,
) => tf.Tensor4D;

/** Where a filter's offset lands: the padding, strides and sizes. */
function geometry(
  inputShape: [number, number, number, number],
  filterShape: [number, number, number, number],
  attributes: ConvolutionAttributes,
  depthwise: boolean,
) {
  if (attributes.dataFormat === "NCHW") {
    throw new Error("convolutions on wasm take NHWC only");
  }
  return tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    attributes.strides,
    attributes.dilations ?? 1,
    attributes.pad,
    attributes.dimRoundingMode,
    depthwise,
  );
}

type Geometry = ReturnType<typeof geometry>;

/** Zeros around the image, so that every offset stays inside it. */
function padded(x: tf.Tensor4D, info: Geometry): tf.Tensor4D {
  const { top, left } = info.padInfo;
  const bottom = (info.outHeight - 1) * info.strideHeight +
    info.effectiveFilterHeight - top - info.inHeight;
  const right = (info.outWidth - 1) * info.strideWidth +
    info.effectiveFilterWidth - left - info.inWidth;
  return tf.pad(x, [
    [0, 0],
    [top, Math.max(0, bottom)],
    [left, Math.max(0, right)],
    [0, 0],
  ]);
}

/** The padded image's pixels that filter offset (row, column) sees. */
function seen(
  image: tf.Tensor4D,
  info: Geometry,
  row: number,
  column: number,
): tf.Tensor4D {
  const top = row * info.dilationHeight;
  const left = column * info.dilationWidth;
  const { strideHeight, strideWidth, outHeight, outWidth } = info;
  return tf.stridedSlice(
    image,
    [0, top, left, 0],
    [
      info.batchSize,
      top + (outHeight - 1) * strideHeight + 1,
      left + (outWidth - 1) * strideWidth + 1,
      info.inChannels,
    ],
    [1, strideHeight, strideWidth, 1],
  ) as tf.Tensor4D;
}

/** One value per filter offset, stacked to [height, width, …]. */
function overOffsets(
  info: Geometry,
  value: (row: number, column: number) => tf.Tensor,
): tf.Tensor {
  const offsets: tf.Tensor[] = [];
  for (let row = 0; row < info.filterHeight; row++) {
    for (let column = 0; column < info.filterWidth; column++) {
      offsets.push(tf.tidy(() => value(row, column)));
    }
  }
  return tf.stack(offsets);
}

const conv2DBackpropFilter: Kernel = (x, dy, attributes) => {
  const shape = attributes.filterShape!;
  const info = geometry(x.shape, shape, attributes, false);
  const image = padded(x, info);
  const errors = tf.reshape(dy, [-1, info.outChannels]);
  return tf.reshape(
    overOffsets(info, (row, column) =>
      tf.matMul(
        tf.reshape(seen(image, info, row, column), [-1, info.inChannels]),
        errors,
        true,
      )),
    shape,
  );
};

const depthwiseBackpropFilter: Kernel = (x, dy, attributes) => {
  const shape = attributes.filterShape!;
  const info = geometry(x.shape, shape, attributes, true);
  const multiplier = shape[3];
  const image = padded(x, info);
  const errors = tf.reshape(dy, [-1, info.inChannels, multiplier]);
  return tf.reshape(
    overOffsets(info, (row, column) =>
      tf.sum(
        tf.mul(
          tf.reshape(seen(image, info, row, column), [-1, info.inChannels, 1]),
          errors,
        ),
        0,
      )),
    shape,
  );
};

const depthwiseBackpropInput: Kernel = (dy, filter, attributes) => {
  const shape = attributes.inputShape!;
  const info = geometry(shape, filter.shape, attributes, true);
  if (
    filter.shape[3] !== 1 || info.strideHeight !== 1 || info.strideWidth !== 1
  ) {
    throw new Error(
      `the gradient of a depthwise convolution on wasm takes stride 1 and multiplier 1, found ${info.strideHeight} and ${
        filter.shape[3]
      }; use backend=tensorflow or backend=cpu`,
    );
  }
  // The adjoint of a correlation: the same with the filter turned about.
  const turned = tf.reverse(filter, [0, 1]);
  const top = info.effectiveFilterHeight - 1 - info.padInfo.top;
  const left = info.effectiveFilterWidth - 1 - info.padInfo.left;
  const bottom = info.inHeight + info.effectiveFilterHeight - 1 -
    info.outHeight - top;
  const right = info.inWidth + info.effectiveFilterWidth - 1 -
    info.outWidth - left;
  return tf.depthwiseConv2d(
    tf.pad(dy, [[0, 0], [top, bottom], [left, right], [0, 0]]),
    turned,
    1,
    "valid",
    "NHWC",
    [info.dilationHeight, info.dilationWidth],
  );
};

/** Registers one kernel; what it leaves behind is freed. */
function register(
  kernelName: string,
  first: string,
  second: string,
  kernel: Kernel,
): void {
  tf.registerKernel({
    kernelName,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() =>
        kernel(
          inputs[first] as tf.Tensor4D,
          inputs[second] as tf.Tensor4D,
          attrs as unknown as ConvolutionAttributes,
        )
      ),
  });
}

let registered = false;

/**
 * Gives TensorFlow.js' WebAssembly backend the gradients of convolutions that
 * it lacks, made of operations that it has: those with respect to the filter,
 * and to the input of a depthwise convolution.
 */
export function registerWasmGradients(): void {
  if (registered) return;
  registered = true;
  register("Conv2DBackpropFilter", "x", "dy", conv2DBackpropFilter);
  register(
    "DepthwiseConv2dNativeBackpropFilter",
    "x",
    "dy",
    depthwiseBackpropFilter,
  );
  register(
    "DepthwiseConv2dNativeBackpropInput",
    "dy",
    "filter",
    depthwiseBackpropInput,
  );
}

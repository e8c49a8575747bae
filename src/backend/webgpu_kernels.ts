import * as tf from "@tensorflow/tfjs";

/** What is used of TensorFlow.js' WebGPU backend. */
interface WebgpuBackend {
  readonly device: {
    readonly limits: { readonly maxStorageBuffersPerShaderStage: number };
  };
  disposeData(dataId: tf.TensorInfo["dataId"]): boolean;
}

type KernelFunction = (
  params: { inputs: object; backend: object },
) => tf.TensorInfo | tf.TensorInfo[];

/**
 * TensorFlow.js' AddN reads all its tensors in one shader. A shader has room
 * for 7 of them and the sum; with more the GPU refuses the shader, tells so
 * where nobody listens, and the sum is whatever its memory held.
 */
function addN(add: KernelFunction): KernelFunction {
  return ({ inputs, backend }) => {
    const tensors = inputs as tf.TensorInfo[];
    const { device, disposeData } = backend as unknown as WebgpuBackend;
    const most = device.limits.maxStorageBuffersPerShaderStage - 1;
    const addSome = (some: tf.TensorInfo[]) =>
      add({ inputs: some, backend }) as tf.TensorInfo;
    let sum = addSome(tensors.slice(0, most));
    for (let i = most; i < tensors.length; i += most - 1) {
      const next = addSome([sum, ...tensors.slice(i, i + most - 1)]);
      disposeData.call(backend, sum.dataId);
      sum = next;
    }
    return sum;
  };
}

/** A(n) of Abramowitz and Stegun, 4.4.46, from the highest power down. */
const ARCCOSINE = [
  ...[-0.0012624911, 0.0066700901, -0.0170881256, 0.0308918810],
  ...[-0.0501743046, 0.0889789874, -0.2145988016, 1.5707963050],
];

/**
 * WGSL allows its acos errors of 4096 units in the last place, and Mesa's
 * device makes them: 2e-4. This is exact to 1e-6.
 */
const acos: KernelFunction = ({ inputs }) =>
  tf.tidy(() => {
    const { x } = inputs as { x: tf.Tensor };
    const size = tf.abs(x);
    let polynomial: tf.Tensor = tf.fill(x.shape, ARCCOSINE[0]!);
    for (const coefficient of ARCCOSINE.slice(1)) {
      polynomial = tf.add(tf.mul(polynomial, size), coefficient);
    }
    const angle = tf.mul(tf.sqrt(tf.sub(1, size)), polynomial);
    return tf.where(tf.less(x, 0), tf.sub(Math.PI, angle), angle);
  });

let mended = false;

/** Replaces kernels of the WebGPU backend that give wrong numbers. */
export function mendWebgpuKernels(): void {
  if (mended) return;
  mended = true;
  const backendName = "webgpu";
  const replace = (kernelName: string, kernelFunc: KernelFunction): void => {
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  };
  const added = tf.getKernel("AddN", backendName)!.kernelFunc;
  replace("AddN", addN(added as unknown as KernelFunction));
  replace("Acos", acos);
}

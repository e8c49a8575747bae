import * as tf from "@tensorflow/tfjs";

/** What is used of TensorFlow.js' WebAssembly backend. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: "float32"): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
}

/** The engine's way to a tensor of what a backend has made. */
interface TensorMaker {
  makeTensorFromTensorInfo(info: tf.TensorInfo): tf.Tensor;
}

/** Whether {@linkcode emptyTensor} and {@linkcode memoryOf} may be called. */
export function hasTensorMemory(): boolean {
  return tf.getBackend() === "wasm";
}

/**
 * A float32 tensor whose elements are whatever the memory holds: to be filled
 * through {@linkcode memoryOf}, which spares the copy that `tf.tensor` takes.
 * Only where {@linkcode hasTensorMemory}.
 */
export function emptyTensor(shape: readonly number[]): tf.Tensor {
  const info = (tf.backend() as unknown as WasmBackend)
    .makeOutput([...shape], "float32");
  return (tf.engine() as unknown as TensorMaker).makeTensorFromTensorInfo(info);
}

/**
 * A float32 tensor's elements themselves, not a copy. Where the backend's
 * memory grows meanwhile, the array's length becomes 0; ask again then. Only
 * where {@linkcode hasTensorMemory}.
 */
export function memoryOf(tensor: tf.Tensor): Float32Array {
  return (tf.backend() as unknown as WasmBackend).typedArrayFromHeap(tensor);
}

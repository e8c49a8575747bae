import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../fusion_error.ts";

/** What is used of TensorFlow.js' WebGPU backend. */
interface WebgpuBackend {
  readonly device: GPUDevice;
  read(dataId: object): Promise<unknown>;
}

/** What a GPU said when it first refused something. */
const complaints = new WeakMap<object, string>();
const watched = new WeakSet<object>();

/**
 * Makes the active WebGPU backend throw where values are read after the GPU
 * has refused something. WebGPU tells of that in an event only, and
 * TensorFlow.js reads on: memory that ran out, or a shader that breaks a limit,
 * would end as a merged model full of what the memory held before.
 *
 * What was computed until then is not to be trusted, so every read throws until
 * the backend is chosen again.
 */
export function watchWebgpuErrors(): void {
  const backend = tf.backend() as unknown as WebgpuBackend;
  complaints.delete(backend);
  if (watched.has(backend)) return;
  watched.add(backend);
  backend.device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    if (complaints.has(backend)) return;
    const { message } = (event as GPUUncapturedErrorEvent).error;
    complaints.set(backend, message.split("\n")[0]!);
  });
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await read(dataId);
    const complaint = complaints.get(backend);
    if (complaint === undefined) return values;
    throw new BackendError(
      `backend=webgpu: the GPU refused an operation (${complaint}); use backend=wasm`,
    );
  };
}

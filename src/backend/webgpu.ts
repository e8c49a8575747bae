import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../fusion_error.ts";

/**
 * Starts TensorFlow.js' WebGPU backend.
 *
 * @param insist Whether a Vulkan device in software will do too: `auto` wants
 * a real one, since WebAssembly is faster than that.
 * @returns The device, for people.
 */
export async function startWebgpu(insist: boolean): Promise<string> {
  const gpu = (navigator as Navigator & { gpu?: GPU }).gpu;
  if (gpu === undefined) {
    throw new BackendError(
      "backend=webgpu: this Deno has no navigator.gpu; run it with --unstable-webgpu, or use backend=wasm",
    );
  }
  const adapter = await gpu.requestAdapter({
    powerPreference: "high-performance",
  });
  if (adapter === null) {
    throw new BackendError(
      "backend=webgpu: no GPU was found; install a Vulkan driver (mesa-vulkan-drivers has one in software), or use backend=wasm",
    );
  }
  if (!insist && adapter.info.isFallbackAdapter) {
    throw new BackendError(
      `backend=auto: ${adapter.info.description} is a GPU in software`,
    );
  }
  await import("@tensorflow/tfjs-backend-webgpu");
  let started = false;
  try {
    started = await tf.setBackend("webgpu");
    await tf.ready();
  } catch {
    started = false;
  }
  if (!started) {
    throw new BackendError(
      `backend=webgpu: the GPU ${adapter.info.description} was found but TensorFlow.js cannot start on it; use backend=wasm`,
    );
  }
  const { description, device, vendor } = adapter.info;
  return `WebGPU, ${description || device || vendor || "unnamed GPU"}`;
}

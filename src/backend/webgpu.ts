import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../fusion_error.ts";
import { watchWebgpuErrors } from "./webgpu_errors.ts";
import { mendWebgpuKernels } from "./webgpu_kernels.ts";

/**
 * Mesa's drivers ask on standard error for the folder of the session's
 * windows, two lines each time that they are looked for, where there is none:
 * they get one for as long as `start` runs.
 */
async function withQuietDrivers<T>(start: () => Promise<T>): Promise<T> {
  const variable = "XDG_RUNTIME_DIR";
  const { state } = await Deno.permissions.query({ name: "env", variable });
  if (
    Deno.build.os !== "linux" || state !== "granted" || Deno.env.has(variable)
  ) {
    return await start();
  }
  Deno.env.set(variable, "/tmp");
  try {
    return await start();
  } finally {
    Deno.env.delete(variable);
  }
}

/**
 * Starts TensorFlow.js' WebGPU backend.
 *
 * @param insist Whether a Vulkan device in software will do too: `auto` wants
 * a real one, since WebAssembly is faster than that.
 * @returns The device, for people.
 */
export function startWebgpu(insist: boolean): Promise<string> {
  return withQuietDrivers(() => start(insist));
}

async function start(insist: boolean): Promise<string> {
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
  mendWebgpuKernels();
  watchWebgpuErrors();
  const { description, device, vendor } = adapter.info;
  return `WebGPU, ${description || device || vendor || "unnamed GPU"}`;
}

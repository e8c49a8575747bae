import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../fusion_error.ts";
import { registerWasmGradients } from "./wasm_gradients.ts";

/**
 * Starts TensorFlow.js' WebAssembly backend. Its package finds its own
 * binaries next to its script, in Deno's npm cache too.
 *
 * @returns The device, for people.
 */
export async function startWasm(): Promise<string> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  if (!await tf.setBackend("wasm")) {
    throw new BackendError(
      "backend=wasm: the WebAssembly backend did not start; run with --allow-read, or use backend=cpu",
    );
  }
  await tf.ready();
  registerWasmGradients();
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const threads = wasm.getThreadsCount();
  return `WebAssembly${simd ? " SIMD" : ""}, ${threads} ${
    threads === 1 ? "thread" : "threads"
  }`;
}

import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../../fusion_error.ts";
import { setThreads } from "./active.ts";
import { registerWasmGradients } from "./gradients.ts";
import { wasmFolder, withWasmThreads } from "./threads.ts";

async function start(): Promise<void> {
  if (!await tf.setBackend("wasm")) {
    throw new BackendError(
      "backend=wasm: the WebAssembly backend did not start; run with --allow-read, or use backend=cpu",
    );
  }
  await tf.ready();
}

/** Emscripten would tell of it in many lines. */
async function checkPermission(): Promise<void> {
  const path = wasmFolder();
  if (path === undefined) return;
  const { state } = await Deno.permissions.query({ name: "read", path });
  if (state === "granted") return;
  throw new BackendError(
    `backend=wasm: its binaries may not be read; run with --allow-read, or with --allow-read=${path} besides other folders, or use backend=cpu`,
  );
}

/**
 * Starts TensorFlow.js' WebAssembly backend. Its package finds its own
 * binaries next to its script, in Deno's npm cache too.
 *
 * @param threads How many threads compute; the first start decides.
 * @returns The device, for people.
 */
export async function startWasm(threads: number): Promise<string> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  await checkPermission();
  if (threads > 1 && tf.findBackend("wasm") == null) {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", true);
    wasm.setThreadsCount(threads);
    await withWasmThreads(threads, start);
  } else {
    await start();
  }
  registerWasmGradients();
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const running = wasm.getThreadsCount();
  setThreads(running);
  return `WebAssembly${simd ? " SIMD" : ""}, ${running} ${
    running === 1 ? "thread" : "threads"
  }`;
}

import * as tf from "@tensorflow/tfjs";
import { BackendError, FusionError } from "../fusion_error.ts";
import {
  type ActiveBackend,
  AUTO_ORDER,
  BACKEND_CHOICES,
  type BackendChoice,
  type BackendName,
} from "./backend_name.ts";
import { registerPatchConvolution } from "./patch_convolution.ts";
import { startTensorflow } from "./tensorflow.ts";
import { startWasm } from "./wasm/start.ts";
import { startWebgpu } from "./webgpu.ts";

async function startCpu(): Promise<string> {
  await tf.setBackend("cpu");
  await tf.ready();
  return "JavaScript, 1 thread";
}

/** Options of {@linkcode useBackend}. */
export interface UseBackendOptions {
  /**
   * How many threads the wasm backend computes with, 1 to 8; its first start
   * in a process decides. On two cores, two threads make products 1.9 times
   * as fast; on a busy machine one thread may be faster.
   *
   * @default {Math.min(navigator.hardwareConcurrency, 8)}
   */
  wasmThreads?: number;
}

/** Each loads its backend's package only when it is called. */
const starts: Record<
  BackendName,
  (insist: boolean, threads: number) => Promise<string>
> = {
  cuda: () => startTensorflow("cuda", registerPatchConvolution),
  tensorflow: () => startTensorflow("tensorflow", registerPatchConvolution),
  webgpu: startWebgpu,
  wasm: (_insist, threads) => startWasm(threads),
  cpu: startCpu,
};

/**
 * Chooses the TensorFlow.js backend that everything after runs on.
 *
 * @param name A backend insists on it; `auto` takes the first of cuda,
 * tensorflow, webgpu and wasm that is installed and works.
 * @param options How many threads wasm uses.
 * @returns The backend that runs and its device.
 * @throws {BackendError} When that backend is unknown, not installed or does
 * not work; the message says what mends it.
 */
export async function useBackend(
  name: BackendChoice = "auto",
  options: UseBackendOptions = {},
): Promise<ActiveBackend> {
  if (!BACKEND_CHOICES.includes(name)) {
    throw new BackendError(
      `backend=${name}: no such backend; expected one of ${
        BACKEND_CHOICES.join(", ")
      }`,
    );
  }
  const threads = options.wasmThreads ??
    Math.min(navigator.hardwareConcurrency, 8);
  if (!Number.isInteger(threads) || threads < 1 || threads > 8) {
    throw new BackendError(
      `wasmThreads: found ${threads}, expected a whole number from 1 to 8`,
    );
  }
  // TensorFlow.js advertises its Node.js packages on the log otherwise.
  tf.env().set("PROD", true);
  if (name !== "auto") {
    return { name, device: await starts[name](true, threads) };
  }
  const reasons: string[] = [];
  for (const candidate of AUTO_ORDER) {
    try {
      return {
        name: candidate,
        device: await starts[candidate](false, threads),
      };
    } catch (error) {
      if (!(error instanceof FusionError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new BackendError(`backend=auto: none works (${reasons.join("; ")})`);
}

import * as tf from "@tensorflow/tfjs";
import { BackendError, FusionError } from "../fusion_error.ts";
import {
  type ActiveBackend,
  AUTO_ORDER,
  BACKEND_CHOICES,
  type BackendChoice,
  type BackendName,
} from "./backend_name.ts";
import { startTensorflow } from "./tensorflow.ts";
import { startWasm } from "./wasm.ts";
import { startWebgpu } from "./webgpu.ts";

async function startCpu(): Promise<string> {
  await tf.setBackend("cpu");
  await tf.ready();
  return "JavaScript, 1 thread";
}

/** Each loads its backend's package only when it is called. */
const starts: Record<BackendName, (insist: boolean) => Promise<string>> = {
  cuda: () => startTensorflow("cuda"),
  tensorflow: () => startTensorflow("tensorflow"),
  webgpu: startWebgpu,
  wasm: startWasm,
  cpu: startCpu,
};

/**
 * Chooses the TensorFlow.js backend that everything after runs on.
 *
 * @param name A backend insists on it; `auto` takes the first of cuda,
 * tensorflow, webgpu and wasm that is installed and works.
 * @returns The backend that runs and its device.
 * @throws {BackendError} When that backend is unknown, not installed or does
 * not work; the message says what mends it.
 */
export async function useBackend(
  name: BackendChoice = "auto",
): Promise<ActiveBackend> {
  if (!BACKEND_CHOICES.includes(name)) {
    throw new BackendError(
      `backend=${name}: no such backend; expected one of ${
        BACKEND_CHOICES.join(", ")
      }`,
    );
  }
  // TensorFlow.js advertises its Node.js packages on the log otherwise.
  tf.env().set("PROD", true);
  if (name !== "auto") return { name, device: await starts[name](true) };
  const reasons: string[] = [];
  for (const candidate of AUTO_ORDER) {
    try {
      return { name: candidate, device: await starts[candidate](false) };
    } catch (error) {
      if (!(error instanceof FusionError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new BackendError(`backend=auto: none works (${reasons.join("; ")})`);
}

import * as tf from "@tensorflow/tfjs";
import { useBackend } from "../backend/mod.ts";
import type { BoundMethod } from "./method.ts";

/**
 * Runs a merge where its method can read what it computed. On WebGPU values
 * arrive only later, but a method's arithmetic is one piece: what needs them in
 * between, such as a norm to divide by, runs on WebAssembly instead.
 *
 * @param work The merge; nothing else may compute meanwhile.
 */
export async function onReadableBackend<Result>(
  { method }: BoundMethod,
  work: () => Promise<Result>,
): Promise<Result> {
  const backend = tf.getBackend();
  if (backend !== "webgpu" || !method.readsValues) return await work();
  await useBackend("wasm");
  try {
    return await work();
  } finally {
    await tf.setBackend(backend);
  }
}

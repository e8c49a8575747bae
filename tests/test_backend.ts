import { type BackendChoice, useBackend } from "../src/backend/mod.ts";

/** The backend that this run of the tests computes on. */
export const testBackendName: BackendChoice =
  (Deno.env.get("CONVNEXT_FUSION_TEST_BACKEND") || "wasm") as BackendChoice;

/**
 * Starts the backend that `CONVNEXT_FUSION_TEST_BACKEND` names (`wasm` without
 * it). Every test that computes calls it first.
 */
export async function testBackend(): Promise<void> {
  await useBackend(testBackendName);
}

/**
 * The same for what reads tensors at once, which methods on WebGPU run on
 * WebAssembly for (`readsValues`).
 */
export async function testReadableBackend(): Promise<void> {
  await useBackend(testBackendName === "webgpu" ? "wasm" : testBackendName);
}

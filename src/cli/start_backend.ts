import { type BackendChoice, useBackend } from "../backend/mod.ts";

/** Starts the backend, and tells once on standard error which one runs. */
export async function startBackend(choice: string): Promise<void> {
  const { name, device } = await useBackend(choice as BackendChoice);
  console.error(`backend: ${name} (${device})`);
}

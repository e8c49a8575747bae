import type { ActiveBackend } from "../backend/mod.ts";

/**
 * Tells on standard error which backend computed. It is called once there is a
 * result: where the input is wrong, the error is the only line.
 */
export function tellBackend({ name, device }: ActiveBackend): void {
  console.error(`backend: ${name} (${device})`);
}

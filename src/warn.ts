import { printable } from "./printable.ts";

const told = new Set<string>();

/** Warns on standard error. */
export function warn(message: string): void {
  console.error(`warning: ${printable(message)}`);
}

/**
 * Warns of what is met again and again, such as a file that is opened several
 * times, but once.
 */
export function warnOnce(message: string): void {
  if (told.has(message)) return;
  told.add(message);
  warn(message);
}

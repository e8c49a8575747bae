import type * as z from "zod";

const LONGEST = 200;

/**
 * A value from a file as an error message shows it: JSON on one line, cut where
 * it is long. Whatever it is, showing it does not fail.
 */
export function shown(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return "a value nested too deeply";
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Text that may have come from a file, on one line and without control characters. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

/** What zod found wrong first: the field, what it is, and zod's words. */
export function shownIssue(error: z.ZodError, value: unknown): string {
  const { path, message } = error.issues[0]!;
  const found = path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const field = path.length === 0 ? "the whole file" : oneLine(path.join("."));
  return `${field} is ${shown(found)}: ${message}`;
}

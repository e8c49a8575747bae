/**
 * Text from outside as part of a message: one line, of bounded length, without
 * characters that control a terminal.
 */
export function oneLine(text: string, most = 300): string {
  return text.slice(0, most).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

/** The first line of what went wrong, to be quoted in a message. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return oneLine(text.split("\n")[0]!, 200);
}

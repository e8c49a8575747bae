/** Longer, a message is no longer read: a file's content got into it. */
const LONGEST = 1500;

/**
 * A message that may quote names from files that nobody trusts, on one line.
 * What would control a terminal becomes a space. Of what is very long the middle
 * is left out: the place stands at the beginning, the advice last.
 */
export function printable(message: string): string {
  const line = message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length <= LONGEST
    ? line
    : `${line.slice(0, LONGEST - 400)} … ${line.slice(-400)}`;
}
